import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';

import { DataTable, type Column } from '@/components/DataTable';
import { EmptyState } from '@/components/EmptyState';
import { ErrorState } from '@/components/ErrorState';
import { Freshness } from '@/components/Freshness';
import { Panel } from '@/components/Panel';
import { RowName } from '@/components/RowName';
import { sourceName, sourcesQuery, useSourcesLive, type Source } from '@/features/sources/api/source';
import classes from '@/features/sources/components/Source.module.css';
import { SourceState } from '@/features/sources/components/SourceState';
import { toolName } from '@/lib/api/tools';
import { counted, digits } from '@/lib/number';
import type { Place } from '@/lib/place';

/** The tools that have segments here, with the newest call of each. */
export function Connected({ place }: { place: Place }) {
  const { data, error, refetch } = useQuery(sourcesQuery(place));
  useSourcesLive(place);
  if (error && !data) {
    return <Panel title="Connected"><ErrorState title="Connected tools could not be loaded. Their syncs keep working." error={error} onRetry={() => void refetch()} /></Panel>;
  }
  return (
    <section className={classes.group} aria-labelledby="connected">
      <h2 id="connected">Connected</h2>
      <DataTable
        label="Connected" columns={columnsOf(place)} rows={data} rowKey={(source) => source.key}
        empty={<EmptyState title="No tool has pushed yet">Pick one above; it stands here from its first call on.</EmptyState>}
      />
    </section>
  );
}

function columnsOf(place: Place): Column<Source>[] {
  return [
    {
      key: 'source', label: 'Source',
      cell: (source) => (
        <RowName under={source.name === undefined ? source.key : `${toolName(source.key)} · ${source.key}`}>
          <Link to="/projects/$project/environments/$environment/sources/$source" params={{ ...place, source: source.key }}>{sourceName(source)}</Link>
        </RowName>
      ),
    },
    {
      key: 'segments', label: 'Segments', numeric: true, card: 'figure',
      cell: (source) => (
        <Link to="/projects/$project/environments/$environment/segments" params={place} search={{ tool: source.key }} aria-label={`${counted(source.segments, 'segment')} of ${sourceName(source)}`}>
          {digits(source.segments)}
        </Link>
      ),
    },
    { key: 'token', label: 'Token', priority: 2, cell: ({ lastRun }) => lastRun?.actor?.name ?? '–' },
    { key: 'last', label: 'Last call', card: 'fresh', cell: ({ lastRun }) => <Freshness at={lastRun?.receivedAt} never="not lately" /> },
    { key: 'state', label: 'State', card: 'state', cell: (source) => <SourceState source={source} /> },
  ];
}
