import { Link } from '@tanstack/react-router';

import { Count } from '@/components/Count';
import type { Column } from '@/components/DataTable';
import { Freshness } from '@/components/Freshness';
import { effectOf, kindOf, looks, tookWords } from '@/components/runWords';
import { StatePill } from '@/components/StatePill';
import { ToolMark } from '@/components/ToolMark';
import type { Run } from '@/features/syncs/api/runs';
import { nameOf, SegmentName } from '@/features/syncs/components/SegmentName';
import classes from '@/features/syncs/components/Syncs.module.css';
import type { Place } from '@/lib/place';

/** The columns of the list of an environment's syncs; toolName says what people call a tool. */
export function syncColumns(place: Place, toolName: (key: string) => string): Column<Run>[] {
  return [
    {
      key: 'segment', label: 'Segment',
      cell: (run) => <SegmentName run={run} name={<SegmentOf run={run} place={place} />} beside={kindOf(run)} />,
    },
    { key: 'by', label: 'By', priority: 2, cell: (run) => (run.tool ? <ToolMark name={toolName(run.tool)} /> : <span className={classes.by}>{run.actor?.name ?? '–'}</span>) },
    { key: 'change', label: 'Change', numeric: true, card: 'figure', cell: (run) => <Change run={run} /> },
    { key: 'unchanged', label: 'Unchanged', numeric: true, priority: 3, cell: (run) => <Count value={run.unchanged} /> },
    { key: 'took', label: 'Took', numeric: true, priority: 3, cell: (run) => <span className={classes.took}>{tookWords(run)}</span> },
    { key: 'when', label: 'When', card: 'fresh', cell: (run) => <Freshness at={run.receivedAt} /> },
    { key: 'state', label: 'State', card: 'state', cell: (run) => <StatePill {...looks[run.state]} why={run.error} /> },
  ];
}

/** The segment that a sync was for, as the link to the sync. */
function SegmentOf({ run, place }: { run: Run; place: Place }) {
  if (run.segmentKey === '') return <span>{nameOf(run)}</span>;
  return (
    <Link
      to="/projects/$project/environments/$environment/segments/$segment/syncs/$run" params={{ ...place, segment: run.segmentKey, run: run._id }}
      title={run.segmentKey}
    >
      {nameOf(run)}
    </Link>
  );
}

/** Who joined and who left; in brackets if it was not applied. */
function Change({ run }: { run: Run }) {
  const { added, removed, unapplied } = effectOf(run);
  if (added === 0 && removed === 0) return <Count value={0} unapplied={unapplied} />;
  return (
    <span className={classes.change}>
      {added > 0 && <Count value={added} change unapplied={unapplied} />}
      {removed > 0 && <Count value={-removed} change unapplied={unapplied} />}
    </span>
  );
}
