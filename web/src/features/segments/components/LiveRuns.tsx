import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useState } from 'react';

import { latestRunsQuery, isUnderWay, type Run } from '@/features/segments/api/runs';
import { ofSegment, type SegmentPlace } from '@/features/segments/api/segment';
import { LiveRun } from '@/features/segments/components/LiveRun';
import classes from '@/features/segments/components/Syncs.module.css';
import { useLive } from '@/lib/live/useLive';

/** What is over quicker needs no card. */
const worthACard = 1000;
/** How long a card says how a sync ended before it is a row like others. */
const staysFor = 10_000;

/** The syncs of a segment that are under way, and for a moment how they ended. */
export function LiveRuns({ at }: { at: SegmentPlace }) {
  const client = useQueryClient();
  const { data: latest } = useQuery(latestRunsQuery(at));
  const [heard, setHeard] = useState<Record<string, Run>>({});
  const [said, setSaid] = useState('');
  useLive('run', (run) => {
    if (run.segmentKey !== at.segment) return;
    const known = heard[run._id];
    if (known === undefined && (!isUnderWay(run) || run.kind === 'rollback' || run.kind === 'edit')) return;
    setHeard({ ...heard, [run._id]: run });
    if (!isUnderWay(run)) setSaid(run.state === 'live' ? `Sync finished: ${run.added} added, ${run.removed} removed` : `Sync ended: ${run.state}`);
  });
  const shown = { ...Object.fromEntries((latest?.items ?? []).filter(isUnderWay).map((run) => [run._id, run])), ...heard };
  const runs = Object.values(shown).filter((run) => isUnderWay(run) || run.state !== 'live' || (run.liveAt ?? 0) - run.receivedAt >= worthACard);
  const ended = Object.values(heard).filter((run) => !isUnderWay(run)).map((run) => run._id).join(' ');
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
      <span role="status" className="mantine-visually-hidden" style={{ position: 'absolute', width: 1, height: 1, overflow: 'hidden', clipPath: 'inset(50%)' }}>{said}</span>
      {runs.length > 0 && <div className={classes.live}>{runs.map((run) => <LiveRun key={run._id} at={at} run={run} />)}</div>}
    </>
  );
}
