import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';

import { Count } from '@/components/Count';
import { DataTable, type Column } from '@/components/DataTable';
import { EmptyState } from '@/components/EmptyState';
import { ErrorState } from '@/components/ErrorState';
import { Freshness } from '@/components/Freshness';
import { Pager } from '@/components/Pager';
import { Panel } from '@/components/Panel';
import { RowName } from '@/components/RowName';
import { StatePill } from '@/components/StatePill';
import { ownedPageSize, ownedQuery, sourceName, type Source } from '@/features/sources/api/source';
import type { components } from '@/lib/api/schema';
import type { Place } from '@/lib/place';

const route = getRouteApi('/shell/projects/$project/environments/$environment/sources/$source');

/** The segments that a source owns, page by page. */
export function OwnedSegments({ place, source }: { place: Place; source: Source }) {
  const { page = 1 } = route.useSearch();
  const navigate = route.useNavigate();
  const { data, error, refetch, isPlaceholderData } = useQuery(ownedQuery(place, source.key, page));
  if (error && !data) {
    return <Panel><ErrorState title="Its segments could not be loaded. Its syncs keep working." error={error} onRetry={() => void refetch()} /></Panel>;
  }
  return (
    <DataTable
      label="Segments it owns" columns={columnsOf(place)} rows={data?.items} rowKey={(segment) => segment.key} stale={isPlaceholderData}
      empty={<EmptyState title="It owns no segment yet">The first call of {sourceName(source)} makes one.</EmptyState>}
      foot={data && (
        <Pager
          page={page} size={ownedPageSize} total={data.totalCount}
          onPage={(next) => void navigate({ search: (before) => ({ ...before, page: next === 1 ? undefined : next }), resetScroll: false })}
        />
      )}
    />
  );
}

type Segment = components['schemas']['Segment'];

function columnsOf(place: Place): Column<Segment>[] {
  return [
    {
      key: 'name', label: 'Name',
      cell: (segment) => (
        <RowName under={segment.key}>
          <Link to="/projects/$project/environments/$environment/segments/$segment" params={{ ...place, segment: segment.key }}>{segment.name}</Link>
        </RowName>
      ),
    },
    { key: 'members', label: 'Members', numeric: true, card: 'figure', cell: (segment) => <Count value={segment._unboundedMetadata?.includedCount} /> },
    { key: 'fresh', label: 'Freshness', priority: 2, card: 'fresh', cell: (segment) => <Freshness at={segment._muster?.freshAt} never="no sync" /> },
    { key: 'state', label: 'State', card: 'state', cell: (segment) => segment._muster && <StatePill state={segment._muster.state} /> },
  ];
}
