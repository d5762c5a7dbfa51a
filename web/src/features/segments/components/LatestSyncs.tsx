import { Skeleton } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';

import { Count } from '@/components/Count';
import { Happening, Happenings } from '@/components/Happenings';
import { Panel } from '@/components/Panel';
import { effectOf, looks } from '@/components/runWords';
import { latestRunsQuery, type Run } from '@/features/segments/api/runs';
import type { SegmentPlace } from '@/features/segments/api/segment';
import classes from '@/features/segments/components/LatestSyncs.module.css';
import { summaryOf } from '@/features/segments/components/runWords';
import { counted } from '@/lib/number';
import { exactTime } from '@/lib/time';

const root = '/projects/$project/environments/$environment/segments/$segment/syncs';

/** The last four syncs. */
export function LatestSyncs({ at }: { at: SegmentPlace }) {
  const { data, error } = useQuery(latestRunsQuery(at));
  return (
    <Panel title="Latest syncs" actions={<Link to={root} params={at}>All</Link>}>
      {!data && !error && <Skeleton height={44} aria-busy />}
      {data?.items.length === 0 && <p className={classes.none}>No sync yet.</p>}
      <Happenings label="Latest syncs">
        {data?.items.map((run) => (
          <Happening key={run._id} tone={toneOf(run)} title={<Link to={`${root}/$run`} params={{ ...at, run: run._id }} className={classes.title}><Title run={run} /></Link>} at={exactTime(run.receivedAt)}>
            {run.state === 'held' && run.hold ? wouldOf(run.hold) : summaryOf(run)}
          </Happening>
        ))}
      </Happenings>
    </Panel>
  );
}

function Title({ run }: { run: Run }) {
  if (run.state !== 'live') return looks[run.state].word;
  const { added, removed } = effectOf(run);
  if (added === 0 && removed === 0) return 'No change';
  return <>{added > 0 && <Count value={added} change />} {removed > 0 && <Count value={-removed} change />}</>;
}

function wouldOf({ reason, would }: NonNullable<Run['hold']>): string {
  return reason === 'growth' ? `Would add ${counted(would.added, 'member')}` : `Would remove ${counted(would.removed, 'member')}`;
}

function toneOf(run: Run): 'add' | 'remove' | 'warn' | undefined {
  if (run.state === 'held') return 'warn';
  if (run.state !== 'live') return run.state === 'rejected' ? 'remove' : undefined;
  return run.added > 0 || run.removed > 0 ? (run.added >= run.removed ? 'add' : 'remove') : undefined;
}
