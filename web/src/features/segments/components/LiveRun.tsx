import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';

import { Panel } from '@/components/Panel';
import { Progress } from '@/components/Progress';
import { kindOf, looks, spanOf, tookOf } from '@/components/runWords';
import { StatePill } from '@/components/StatePill';
import { isUnderWay, type Run } from '@/features/segments/api/runs';
import { segmentQuery, type SegmentPlace } from '@/features/segments/api/segment';
import { holdWords } from '@/features/segments/components/runWords';
import classes from '@/features/segments/components/Syncs.module.css';
import { counted, digits, signed } from '@/lib/number';
import { exactTime } from '@/lib/time';
import { toolName } from '@/lib/api/tools';

/** One sync while it goes on, and how it ended. */
export function LiveRun({ at, run }: { at: SegmentPlace; run: Run }) {
  const title = `${kindOf(run)}${run.tool ? ` from ${toolName(run.tool)}` : ''}`;
  const look = looks[run.state];
  return (
    <Panel title={title} actions={<StatePill state={look.state} word={isUnderWay(run) ? 'Syncing' : look.word} />}>
      {isUnderWay(run) ? <UnderWay at={at} run={run} /> : <Ended at={at} run={run} />}
    </Panel>
  );
}

function UnderWay({ at, run }: { at: SegmentPlace; run: Run }) {
  const { data: segment } = useQuery(segmentQuery(at));
  const progress = run.progress;
  const percent = progress?.bytesTotal ? (100 * progress.bytesRead) / progress.bytesTotal : undefined;
  const rows = progress?.rows ?? run.received;
  // What is collected page by page is compared with the members once all of it is here.
  const compared = rows === 0 || run.unchanged + run.added + run.removed > 0;
  const receiving = run.state === 'received';
  const members = segment?._unboundedMetadata?.includedCount;
  return (
    <div className={classes.run}>
      <ol className={classes.stages}>
        <li aria-current={receiving ? 'step' : undefined} data-done={!receiving || undefined}><b>Receiving</b>started {exactTime(run.receivedAt)}</li>
        <li aria-current={receiving ? undefined : 'step'}><b>Staged</b>sorted beside the live set</li>
        <li><b>Guard</b>runs before anything changes</li>
        <li><b>Live</b>all at once, for every reader</li>
      </ol>
      <Progress percent={percent} done={rows} what="received" />
      <dl className={classes.figures}>
        <div><dt>Received</dt><dd>{digits(rows)}</dd></div>
        <div><dt>Unchanged so far</dt>{compared ? <dd>{digits(run.unchanged)}</dd> : <dd data-later>Known at the end</dd>}</div>
        <div><dt>To add so far</dt>{compared ? <dd>{signed(run.added)}</dd> : <dd data-later>Known at the end</dd>}</div>
        <div><dt>To remove</dt>{run.mode === 'replace' ? <dd data-later>Known at the end</dd> : <dd>{signed(-run.removed)}</dd>}</div>
        <div><dt>Skipped</dt><dd>{digits(run.skipped)}</dd></div>
      </dl>
      <p className={classes.text}>
        {members !== undefined && segment?._muster?.freshAt !== undefined && `Readers still see the ${counted(members, 'member')} of ${exactTime(segment._muster.freshAt)}. `}
        You can leave this page; the sync goes on.
      </p>
    </div>
  );
}

function Ended({ at, run }: { at: SegmentPlace; run: Run }) {
  const link = (
    <Link to="/projects/$project/environments/$environment/segments/$segment/syncs/$run" params={{ ...at, run: run._id }}>
      {run.state === 'held' ? 'Review' : 'See this sync'}
    </Link>
  );
  if (run.state === 'live') {
    const took = tookOf(run);
    return <p>Live since {exactTime(run.liveAt ?? run.receivedAt)}: {signed(run.added)} {signed(-run.removed)}{took !== undefined && `, in ${spanOf(took)}`}. {link}</p>;
  }
  if (run.state === 'held') return <p>Held by the guard{run.hold && `: it ${holdWords({ reason: run.hold.reason, removed: run.hold.would.removed })}`}. Nothing has changed. {link}</p>;
  if (run.state === 'superseded') return <p>A newer full sync started; this one was dropped. {link}</p>;
  return <p>{run.error ?? 'It ended without changing anything.'} {link}</p>;
}
