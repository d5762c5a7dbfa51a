import { Button, SegmentedControl } from '@mantine/core';
import { IconPlus } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';

import { ActionButton } from '@/components/ActionButton';
import { DataTable } from '@/components/DataTable';
import { EmptyState } from '@/components/EmptyState';
import { ErrorState } from '@/components/ErrorState';
import { PageHeader } from '@/components/PageHeader';
import { Panel } from '@/components/Panel';
import { followersQuery, type Follower } from '@/features/destinations/api/followers';
import { destinationsSearch, groups, type DestinationsSearch } from '@/features/destinations/api/search';
import { sinkOf } from '@/features/destinations/api/useSinkWork';
import { useFollowersLive } from '@/features/destinations/api/useFollowersLive';
import { AddDestination } from '@/features/destinations/components/AddDestination';
import { BrokenSink } from '@/features/destinations/components/BrokenSink';
import { destinationColumns } from '@/features/destinations/components/destinationColumns';
import classes from '@/features/destinations/components/Destinations.module.css';
import { destinationsOf } from '@/features/destinations/components/destinationWords';
import { InStep } from '@/features/destinations/components/InStep';
import { SinkQuestions } from '@/features/destinations/components/SinkQuestions';
import { environmentQuery } from '@/lib/api/environment';
import { useRefused } from '@/lib/api/permission';
import { summaryQuery } from '@/lib/api/summary';
import { digits } from '@/lib/number';
import { usePlace, type Place } from '@/lib/place';
import { exactTime } from '@/lib/time';

const groupWords = { sink: 'Stores', relay: 'Relays', sdk: 'SDKs' };

/** Where the membership of an environment is read, and how far each reader is. */
export function DestinationsPage() {
  const place = usePlace();
  const search = destinationsSearch(useSearch({ strict: false }));
  const navigate = useNavigate();
  const { data, error, refetch } = useQuery(followersQuery(place));
  const { data: summary } = useQuery(summaryQuery(place));
  const { data: environment } = useQuery(environmentQuery(place));
  const refused = useRefused('createIntegration', 'integration/*', 'integrations');
  useFollowersLive(place);
  const name = environment?.name ?? place.environment;
  const show = (next: DestinationsSearch) => void navigate({ to: '/projects/$project/environments/$environment/destinations', params: place, search: { kind: search.kind, ...next }, resetScroll: false });
  const columns = destinationColumns({ place, head: summary?.asOf.revision, onAsk: (follower, ask) => show({ ask, of: follower.integrationId }) });
  const asked = data?.items.find((follower) => search.of !== undefined && follower.integrationId === search.of);
  const add = (
    <ActionButton leftSection={<IconPlus size={16} aria-hidden />} refused={refused} onClick={() => show({ add: 'redis' })}>Add destination</ActionButton>
  );
  // With nothing to show, the first one is added where the list would be.
  const bare = data?.items.length === 0 && search.kind === undefined;
  return (
    <>
      <PageHeader
        title="Destinations"
        facts={`Where ${name}’s membership is read.${summary ? ` Head is revision ${digits(summary.asOf.revision)} at ${exactTime(summary.asOf.time)}.` : ''}`}
        actions={!bare && add}
      />
      {!bare && (
        <div className={classes.filter}>
          <SegmentedControl
            aria-label="Kind of destination" size="sm" value={search.kind ?? 'all'} data={[{ value: 'all', label: 'All' }, ...groups.map((group) => ({ value: group, label: groupWords[group] }))]}
            onChange={(kind) => void navigate({ to: '/projects/$project/environments/$environment/destinations', params: place, search: { kind: groups.find((one) => one === kind) } })}
          />
        </div>
      )}
      {error && !data
        ? <Panel><ErrorState title="Who follows could not be loaded. Everybody keeps following." error={error} onRetry={() => void refetch()} /></Panel>
        : (
            <DataTable
              label="Destinations" columns={columns} rows={data && destinationsOf(data.items, search.kind)} rowKey={(row) => row.key}
              tone={(row) => ('follower' in row ? ({ behind: 'warn', walking: 'work' } as const)[row.follower.state as 'behind' | 'walking'] : undefined)}
              empty={search.kind === undefined
                ? <EmptyState title="Nothing follows yet" actions={<>{add}<KeysLink place={place} /></>}>SDKs can read from muster directly; add Redis, DynamoDB or a Relay when you need them.</EmptyState>
                : <EmptyState title={`No ${groupWords[search.kind]} follow`}>Each stands here from the moment it does.</EmptyState>}
            />
          )}
      <Below place={place} followers={data?.items ?? []} onEdit={(follower) => show({ ask: 'edit', of: follower.integrationId })} />
      <AddDestination place={place} add={search.add} onKind={(kind) => show({ add: kind })} onClose={() => show({})} />
      {asked && <Questions place={place} follower={asked} search={search} onClose={() => show({})} />}
    </>
  );
}

/** Leads to the key by which SDKs follow at once. */
function KeysLink({ place }: { place: Place }) {
  return (
    <Button variant="default" renderRoot={(root) => <Link {...root} to="/projects/$project/environments/$environment/settings/keys" params={place} />}>
      See the SDK key
    </Button>
  );
}

/** What is wrong with stores, and what the words of the page mean. */
function Below({ place, followers, onEdit }: { place: Place; followers: readonly Follower[]; onEdit: (follower: Follower) => void }) {
  const stores = followers.flatMap((follower) => {
    const at = sinkOf(place, follower);
    return at ? [{ at, follower }] : [];
  });
  if (stores.length === 0) return null;
  return (
    <div className={classes.panels}>
      {stores.filter(({ follower }) => follower.state === 'failed').map(({ at, follower }) => <BrokenSink key={at.id} at={at} follower={follower} onEdit={() => onEdit(follower)} />)}
      <InStep />
    </div>
  );
}

function Questions({ place, follower, search, onClose }: { place: Place; follower: Follower; search: DestinationsSearch; onClose: () => void }) {
  const at = sinkOf(place, follower);
  return at && <SinkQuestions at={at} follower={follower} ask={search.ask} onClose={onClose} onGone={onClose} />;
}
