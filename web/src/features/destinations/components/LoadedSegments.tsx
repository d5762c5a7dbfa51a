import { Link } from '@tanstack/react-router';

import { Count } from '@/components/Count';
import { DataTable, type Column } from '@/components/DataTable';
import { Pager } from '@/components/Pager';
import { StatePill } from '@/components/StatePill';
import { segmentsOnPage, type SinkState } from '@/features/destinations/api/sinks';
import classes from '@/features/destinations/components/Destinations.module.css';
import type { Place } from '@/lib/place';

type Loaded = NonNullable<SinkState['segments']>[number];

interface LoadedSegmentsProps {
  place: Place;
  /** Whether the store is being written to at all. */
  working: boolean;
  state: SinkState | undefined;
  page: number;
  onPage: (page: number) => void;
}

/** How far each segment has come in a store. */
export function LoadedSegments({ place, working, state, page, onPage }: LoadedSegmentsProps) {
  const columns: Column<Loaded>[] = [
    {
      key: 'segment', label: 'Segment',
      cell: (one) => (
        <span className={classes.name}>
          <b><Link to="/projects/$project/environments/$environment/segments/$segment" params={{ ...place, segment: one.key }}>{one.key}</Link></b>
        </span>
      ),
    },
    { key: 'generation', label: 'Generation', numeric: true, priority: 2, cell: (one) => <Count value={one.generation} /> },
    { key: 'members', label: 'Members', numeric: true, card: 'figure', cell: (one) => <Count value={one.members} /> },
    { key: 'revision', label: 'Loaded revision', numeric: true, priority: 2, cell: (one) => <Count value={one.loaded ? (one.revision ?? null) : null} /> },
    { key: 'state', label: 'State', card: 'state', cell: (one) => (one.loaded ? <StatePill state="live" word="Loaded" /> : <StatePill state={working ? 'syncing' : 'stale'} word={working ? 'Not whole' : 'Not whole, waits'} />) },
  ];
  return (
    <section aria-label="Segments">
      <h2 className={classes.head}>Segments</h2>
      <DataTable
        label="Segments in the store" columns={columns} rows={state?.segments ?? (state && [])} rowKey={(one) => one.key}
        empty={<p className={classes.none}>The environment has no segment whose members are kept in stores.</p>}
        foot={<Pager page={page} size={segmentsOnPage} total={state?.totalSegments ?? 0} onPage={onPage} />}
      />
    </section>
  );
}
