import { Button, Skeleton } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';

import { Columns } from '@/components/Columns';
import { EmptyState } from '@/components/EmptyState';
import { ErrorState } from '@/components/ErrorState';
import { GuardPanel } from '@/components/GuardPanel';
import { PageHeader } from '@/components/PageHeader';
import { Panel } from '@/components/Panel';
import { ToolMark } from '@/components/ToolMark';
import { sourceName, sourceQuery, useSourcesLive, type Source } from '@/features/sources/api/source';
import { LastCalls } from '@/features/sources/components/LastCalls';
import { OwnedSegments } from '@/features/sources/components/OwnedSegments';
import classes from '@/features/sources/components/Source.module.css';
import { SourceEnd } from '@/features/sources/components/SourceEnd';
import { SourceNamePanel } from '@/features/sources/components/SourceNamePanel';
import { SourceState } from '@/features/sources/components/SourceState';
import { SourceTokens } from '@/features/sources/components/SourceTokens';
import { environmentQuery } from '@/lib/api/environment';
import { ApiError } from '@/lib/api/error';
import { useRefusedHere } from '@/lib/api/permission';
import { toolName } from '@/lib/api/tools';
import { counted } from '@/lib/number';
import { usePlace, type Place } from '@/lib/place';

const route = getRouteApi('/shell/projects/$project/environments/$environment/sources/$source');

/** A tool as it syncs into an environment: what it owns, how it calls, what it may, how it ends. */
export function SourcePage() {
  const place = usePlace();
  const { source: key } = route.useParams();
  const { data: source, error, refetch } = useQuery(sourceQuery(place, key));
  useSourcesLive(place);
  const above = [<Link key="sources" to="/projects/$project/environments/$environment/sources" params={place}>Sources</Link>];
  if (source) {
    return (
      <>
        <PageHeader
          key={key} title={sourceName(source)} above={above} beside={<SourceState source={source} />}
          facts={(
            <>
              <ToolMark name={toolName(source.key)} />
              <span>{counted(source.segments, 'segment')} with {counted(source.members, 'member')}</span>
            </>
          )}
          actions={(
            <Button variant="default" renderRoot={(root) => <Link {...root} to="/projects/$project/environments/$environment/sources/new/$tool" params={{ ...place, tool: key }} />}>
              How to connect it
            </Button>
          )}
        />
        <Known key={`${place.project} ${place.environment} ${key}`} place={place} source={source} />
      </>
    );
  }
  const missing = error instanceof ApiError && error.status === 404;
  return (
    <>
      <PageHeader title={missing ? 'Nothing here' : key} above={above} />
      <Panel>
        {missing
          ? (
              <EmptyState
                title={`There is no source “${key}” here`}
                actions={<Button variant="default" renderRoot={(root) => <Link {...root} to="/projects/$project/environments/$environment/sources" params={place} />}>All sources</Button>}
              >
                Sources lists the tools that push to this environment.
              </EmptyState>
            )
          : error && <ErrorState title="The source could not be loaded. Its syncs keep working." error={error} onRetry={() => void refetch()} />}
        {!error && <Skeleton height={320} aria-hidden />}
      </Panel>
    </>
  );
}

function Known({ place, source }: { place: Place; source: Source }) {
  const { data: environment } = useQuery(environmentQuery(place));
  const guarded = useRefusedHere(place, 'updateGuard', ':segment/*');
  const refused = useRefusedHere(place, 'updateEnvironmentSettings');
  const name = environment?.name ?? place.environment;
  return (
    <Columns aside={(
      <>
        <SourceNamePanel place={place} source={source} refused={refused} />
        <SourceTokens source={source} />
        <SourceEnd place={place} environment={name} source={source} refused={refused} />
      </>
    )}
    >
      <section className={classes.part} aria-labelledby="its-segments">
        <h2 id="its-segments">Segments it owns</h2>
        <OwnedSegments place={place} source={source} />
      </section>
      <GuardPanel of={{ ...place, source: source.key }} title="Guard of its segments" refused={guarded} />
      <LastCalls place={place} environment={name} source={source} />
    </Columns>
  );
}
