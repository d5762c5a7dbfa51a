import { Link } from '@tanstack/react-router';

import { Count } from '@/components/Count';
import type { Column } from '@/components/DataTable';
import { effectOf, kindOf, looks, tookWords } from '@/components/runWords';
import { StatePill } from '@/components/StatePill';
import type { Run } from '@/features/segments/api/runs';
import type { SegmentPlace } from '@/features/segments/api/segment';
import classes from '@/features/segments/components/Syncs.module.css';
import { exactTime } from '@/lib/time';

/** The columns of the list of a segment's syncs. */
export function runColumns(at: SegmentPlace): Column<Run>[] {
  const toRun = (run: Run) => ({ to: '/projects/$project/environments/$environment/segments/$segment/syncs/$run', params: { ...at, run: run._id } }) as const;
  return [
    {
      key: 'run', label: 'Run',
      cell: (run) => (
        <>
          <Link {...toRun(run)} className={classes.name}>{kindOf(run)}</Link>
          <div className={classes.when} title={run._id}>{exactTime(run.receivedAt)}</div>
        </>
      ),
    },
    { key: 'received', label: 'Received', numeric: true, priority: 3, cell: (run) => <Count value={run.received} /> },
    { key: 'added', label: 'Added', numeric: true, card: 'figure', cell: (run) => <Count value={effectOf(run).added} change unapplied={effectOf(run).unapplied} /> },
    { key: 'removed', label: 'Removed', numeric: true, card: 'fresh', cell: (run) => <Count value={-effectOf(run).removed} change unapplied={effectOf(run).unapplied} /> },
    { key: 'unchanged', label: 'Unchanged', numeric: true, priority: 3, cell: (run) => <Count value={run.unchanged} /> },
    {
      key: 'skipped', label: 'Skipped', numeric: true, priority: 2,
      cell: (run) => (run.skipped > 0 ? <Link {...toRun(run)} hash="skipped" title="See why"><Count value={run.skipped} /></Link> : <Count value={null} />),
    },
    { key: 'took', label: 'Took', numeric: true, priority: 3, cell: (run) => tookWords(run) },
    { key: 'by', label: 'By', priority: 3, cell: (run) => <span className={classes.by}>{run.actor?.name ?? '–'}</span> },
    { key: 'state', label: 'State', card: 'state', cell: (run) => <StatePill {...looks[run.state]} why={run.error} /> },
  ];
}
