import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useState } from 'react';

import { looks } from '@/components/runWords';
import { latestRunsQuery, isUnderWay, type Run } from '@/features/segments/api/runs';
import { ofSegment, type SegmentPlace } from '@/features/segments/api/segment';
import { LiveRun } from '@/features/segments/components/LiveRun';
import classes from '@/features/segments/components/Syncs.module.css';
import { useLive } from '@/lib/live/useLive';
import { digits } from '@/lib/number';

/** What is over quicker needs no card. */
const worthACard = 1000;
/** How long a card says how a sync ended before it is a row like others. */
const staysFor = 10_000;

/** The syncs of a segment that are under way, and for a moment how they ended. */
export function LiveRuns({ at }: { at: SegmentPlace }) {
  const client = useQueryClient();
  const { data: latest } = useQuery(latestRunsQuery(at));
  const [heard, setHeard] = useState<Record<string, Run>>({});
  const listed = new Map(latest?.items.map((run) => [run._id, run]));
  // Several events may come between two paints, so each begins with what the one before left.
  useLive('run', (run) => {
    if (run.segmentKey !== at.segment) return;
    const before = listed.get(run._id);
    const shown = hasACard(run) || (before !== undefined && isUnderWay(before));
    setHeard((all) => (shown || all[run._id] ? { ...all, [run._id]: run } : all));
  });
  const shown = new Map([...listed].filter(([, run]) => isUnderWay(run)));
  for (const run of Object.values(heard)) {
    // The list knows how one ended whose end was not heard, because the connection broke.
    if (!isUnderWay(run) || shown.has(run._id) || !listed.has(run._id)) shown.set(run._id, run);
  }
  const runs = [...shown.values()].filter((run) => isUnderWay(run) || run.state !== 'live' || (run.liveAt ?? 0) - run.receivedAt >= worthACard);
  const over = Object.values(heard).filter((run) => !isUnderWay(run));
  const said = over.at(-1);
  const ended = over.map((run) => run._id).join(' ');
  useEffect(() => {
    if (ended === '') return;
    const timer = setTimeout(() => {
      setHeard((before) => Object.fromEntries(Object.entries(before).filter(([id]) => !ended.split(' ').includes(id))));
      void client.invalidateQueries({ queryKey: ofSegment(at, 'runs') });
    }, staysFor);
    return () => clearTimeout(timer);
  }, [ended, client, at]);
  return (
    <>
      <span role="status" className="mantine-visually-hidden" style={{ position: 'absolute', width: 1, height: 1, overflow: 'hidden', clipPath: 'inset(50%)' }}>{said && endOf(said)}</span>
      {runs.length > 0 && <div className={classes.live}>{runs.map((run) => <LiveRun key={run._id} at={at} run={run} />)}</div>}
    </>
  );
}

/** Whether news of a sync are reason enough to show it: those that are over at once are not. */
function hasACard(run: Run): boolean {
  return isUnderWay(run) && run.kind !== 'rollback' && run.kind !== 'edit';
}

/** How a sync ended, for who only listens. */
function endOf(run: Run): string {
  return run.state === 'live' ? `Sync finished: ${digits(run.added)} added, ${digits(run.removed)} removed` : `Sync ended: ${looks[run.state].word}`;
}
