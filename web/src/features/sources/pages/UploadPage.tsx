import { Skeleton } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link, useNavigate } from '@tanstack/react-router';

import { ErrorState } from '@/components/ErrorState';
import { PageHeader } from '@/components/PageHeader';
import { Panel } from '@/components/Panel';
import { segmentQuery } from '@/features/sources/api/uploads';
import type { UploadSearch } from '@/features/sources/api/search';
import { ImportState } from '@/features/sources/components/ImportState';
import { SegmentChoice } from '@/features/sources/components/SegmentChoice';
import classes from '@/features/sources/components/Source.module.css';
import { UploadSteps } from '@/features/sources/components/UploadSteps';
import { UsingFlags } from '@/features/sources/components/UsingFlags';
import { usePlace } from '@/lib/place';

const route = getRouteApi('/shell/projects/$project/environments/$environment/segments/upload');

/** Brings a file of keys into a segment, after a look at what it would change. */
export function UploadPage() {
  const place = usePlace();
  const navigate = useNavigate();
  const { segment: key, import: id } = route.useSearch();
  const { data: segment, error, refetch } = useQuery({ ...segmentQuery(place, key ?? ''), enabled: key !== undefined });
  const show = (search: UploadSearch) => void navigate({ to: '/projects/$project/environments/$environment/segments/upload', params: place, search });
  return (
    <>
      <PageHeader
        title={segment && key !== undefined ? `Upload to ${segment.name}` : 'Upload a list'}
        above={[<Link key="segments" to="/projects/$project/environments/$environment/segments" params={place}>Segments</Link>]}
        facts={id === undefined && 'This is a dry run. Nothing changes until you press the last button.'}
      />
      {key === undefined && <SegmentChoice place={place} onSegment={(chosen) => show({ segment: chosen })} />}
      {key !== undefined && error && !segment && (
        <Panel><ErrorState title="The segment could not be loaded. Its members are as they were." error={error} onRetry={() => void refetch()} /></Panel>
      )}
      {key !== undefined && !segment && !error && <Skeleton height={320} radius={10} aria-hidden />}
      {key !== undefined && segment && (
        <div className={classes.columns}>
          {id === undefined
            ? <UploadSteps key={`${place.project} ${place.environment} ${key}`} place={place} segment={segment} onImport={(made) => show({ segment: key, import: made })} />
            : <ImportState place={place} segment={key} id={id} onAnother={() => show({ segment: key })} />}
          <div className={classes.aside}><UsingFlags place={place} segment={key} /></div>
        </div>
      )}
    </>
  );
}
