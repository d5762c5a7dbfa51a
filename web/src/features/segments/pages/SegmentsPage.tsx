import { Button } from '@mantine/core';
import { IconPlus, IconUpload } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { Link, useMatches, useNavigate, useSearch } from '@tanstack/react-router';
import { useState } from 'react';

import { DataTable } from '@/components/DataTable';
import { EmptyState } from '@/components/EmptyState';
import { ErrorState } from '@/components/ErrorState';
import { PageHeader } from '@/components/PageHeader';
import { Pager } from '@/components/Pager';
import { Panel } from '@/components/Panel';
import { newSegmentSearch, segmentsSearch, type SegmentsSearch } from '@/features/segments/api/search';
import { pageSize, segmentsQuery } from '@/features/segments/api/segments';
import { CreateSegment } from '@/features/segments/components/CreateSegment';
import { HeldSyncs } from '@/features/segments/components/HeldSyncs';
import { NoSegments } from '@/features/segments/components/NoSegments';
import { segmentColumns } from '@/features/segments/components/segmentColumns';
import { SegmentFilters } from '@/features/segments/components/SegmentFilters';
import { environmentQuery } from '@/lib/api/environment';
import { summaryQuery } from '@/lib/api/summary';
import { counted, digits } from '@/lib/number';
import { usePlace } from '@/lib/place';
import { exactTime } from '@/lib/time';

const list = '/projects/$project/environments/$environment/segments';

/** All segments of an environment, and the dialog that makes one. */
export function SegmentsPage() {
  const place = usePlace();
  const navigate = useNavigate();
  const address: Record<string, unknown> = useSearch({ strict: false });
  const search = segmentsSearch(address);
  const creating = useMatches({ select: (matches) => matches.some((match) => match.fullPath.endsWith('/segments/new')) });
  const { data, error, isPlaceholderData, refetch } = useQuery(segmentsQuery(place, search));
  const { data: summary } = useQuery(summaryQuery(place));
  const { data: environment } = useQuery(environmentQuery(place));
  const name = environment?.name ?? place.environment;
  // What is shown until the answer comes may still be that of other filters.
  const filtered = isPlaceholderData || search.q !== undefined || search.state !== undefined || search.tool !== undefined || search.tag !== undefined;
  // Going back leads to the page or order before; what was typed meanwhile is no step of its own.
  const show = (next: SegmentsSearch, replace = true) => navigate({ to: list, params: place, search: next, replace });
  const [cleared, setCleared] = useState(0);
  // What was typed goes too, once the address says nothing of it any more.
  const clear = () => void show({}).then(() => setCleared(cleared + 1));
  const empty = data?.totalCount === 0 && !filtered;
  return (
    <>
      <PageHeader
        title="Segments"
        facts={summary && !empty && <span title={`as of ${exactTime(summary.asOf.time)}, revision ${digits(summary.asOf.revision)}`}>{counted(summary.segments, 'segment')} · {counted(summary.members, 'member')} in {name}</span>}
        actions={(
          <>
            <Button variant="default" leftSection={<IconUpload size={16} aria-hidden />} renderRoot={(root) => <Link {...root} to={`${list}/upload`} params={place} />}>Upload a list</Button>
            <Button leftSection={<IconPlus size={16} aria-hidden />} onClick={() => void navigate({ to: `${list}/new`, params: place, search })}>
              Create segment
            </Button>
          </>
        )}
      />
      <HeldSyncs place={place} />
      {!empty && <SegmentFilters key={cleared} search={search} total={data?.totalCount} onChange={(next) => void show(next)} />}
      {error && !data
        ? <Panel><ErrorState title="Segments could not be loaded. Syncs and flags keep working." error={error} onRetry={() => void refetch()} /></Panel>
        : (
            <DataTable
              label="Segments" columns={segmentColumns(place)} rows={data?.items} rowKey={(segment) => segment.key} stale={isPlaceholderData}
              tone={(segment) => ({ held: 'warn', syncing: 'work' } as const)[segment._muster?.state as 'held' | 'syncing']}
              sort={search.sort ?? 'name'} onSort={(sort) => void show(segmentsSearch({ ...search, sort, page: undefined }), false)}
              empty={filtered
                ? <EmptyState title="Nothing matches these filters." actions={<Button variant="default" onClick={clear}>Clear filters</Button>}>Other segments may.</EmptyState>
                : <NoSegments place={place} environment={name} />}
              foot={data && <Pager page={search.page ?? 1} size={pageSize} total={data.totalCount} onPage={(page) => void show({ ...search, page: page === 1 ? undefined : page }, false)} />}
            />
          )}
      <CreateSegment
        place={place} opened={creating} by={newSegmentSearch(address).by} onClose={() => void show(search)}
        onByHand={() => void navigate({ to: `${list}/new`, params: place, search: { ...search, by: 'hand' } })}
      />
    </>
  );
}
