import { useQuery } from '@tanstack/react-query';
import { Link, useParams } from '@tanstack/react-router';

import { Columns } from '@/components/Columns';
import { ErrorState } from '@/components/ErrorState';
import { Note } from '@/components/Note';
import { PageHeader } from '@/components/PageHeader';
import { Panel } from '@/components/Panel';
import { kindOf, looks } from '@/components/runWords';
import { StatePill } from '@/components/StatePill';
import { ToolMark } from '@/components/ToolMark';
import { isUnderWay, runDiffQuery, runQuery, type Run } from '@/features/segments/api/runs';
import { segmentQuery, type SegmentPlace } from '@/features/segments/api/segment';
import { useSegmentLive } from '@/features/segments/api/useSegmentLive';
import { useSegmentPlace } from '@/features/segments/api/useSegmentPlace';
import { DecidePanel } from '@/features/segments/components/DecidePanel';
import { DiscardedNote } from '@/features/segments/components/DiscardedNote';
import { HoldPanel } from '@/features/segments/components/HoldPanel';
import { LiveRun } from '@/features/segments/components/LiveRun';
import { RunDiff } from '@/features/segments/components/RunDiff';
import { RunFacts } from '@/features/segments/components/RunFacts';
import { heldTitle } from '@/features/segments/components/runWords';
import { SkippedRows } from '@/features/segments/components/SkippedRows';
import { UndoPanel } from '@/features/segments/components/UndoPanel';
import { UsingFlags } from '@/features/segments/components/UsingFlags';
import { counted } from '@/lib/number';
import { sentence } from '@/lib/sentence';
import { exactTime } from '@/lib/time';
import { toolName } from '@/lib/api/tools';

/** One sync: what it did, or what it would do and who decides. */
export function RunPage() {
  const at = useSegmentPlace();
  const { run: runId = '' } = useParams({ strict: false });
  const { data: run, error, refetch } = useQuery(runQuery(at, runId));
  const { data: segment } = useQuery(segmentQuery(at));
  useSegmentLive(at);
  const name = segment?.name ?? at.segment;
  const held = run?.state === 'held' && run.hold;
  // Others that joined the hold wait with it, so what its release would do is more than what it brought.
  const { data: would } = useQuery({ ...runDiffQuery(at, runId), enabled: Boolean(held) });
  const above = [
    <Link key="segments" to="/projects/$project/environments/$environment/segments" params={at}>Segments</Link>,
    <Link key="segment" to="/projects/$project/environments/$environment/segments/$segment" params={at}>{name}</Link>,
    <Link key="syncs" to="/projects/$project/environments/$environment/segments/$segment/syncs" params={at}>Syncs</Link>,
  ];
  if (error && !run) {
    return (
      <>
        <PageHeader title="Sync" above={above} />
        <Panel><ErrorState title="This sync could not be loaded." error={error} onRetry={() => void refetch()} /></Panel>
      </>
    );
  }
  return (
    <>
      <PageHeader
        title={run === undefined ? 'Sync' : held ? heldTitle(held, would) : `${kindOf(run)} of ${name}`} above={above}
        beside={run && <StatePill {...looks[run.state]} why={run.error} />}
        facts={run && (
          <>
            {run.tool && <ToolMark name={toolName(run.tool)} />}
            <span>{kindOf(run)}</span>
            <span>received {exactTime(run.receivedAt)}</span>
            {run.actor && <span>{run.actor.kind === 'token' ? `with the token “${run.actor.name}”` : `by ${run.actor.name}`}</span>}
          </>
        )}
      />
      {run && (isUnderWay(run) ? <LiveRun at={at} run={run} /> : <Finished at={at} run={run} />)}
    </>
  );
}

function Finished({ at, run }: { at: SegmentPlace; run: Run }) {
  const { data: segment } = useQuery(segmentQuery(at));
  const members = segment?._unboundedMetadata?.includedCount;
  const held = run.state === 'held' && run.hold !== undefined;
  const changes = run.state === 'live' || run.state === 'rolledBack' || run.hold !== undefined;
  const tool = run.tool ? toolName(run.tool) : undefined;
  return (
    <>
      {held && (
        <div style={{ marginBottom: 20 }}>
          <Note tone="held">
            <b>Nothing has changed.</b> {members !== undefined && `Every flag still sees the ${counted(members, 'member')} of this segment. `}
            {tool && `${tool} was told the sync succeeded, so it will not resend. `}
            This sync is kept until someone decides, or until a newer full sync replaces it.
          </Note>
        </div>
      )}
      {run.state === 'discarded' && <div style={{ marginBottom: 20 }}><DiscardedNote at={at} run={run} /></div>}
      {run.error !== undefined && <div style={{ marginBottom: 20 }}><Note tone="bad"><b>Nothing changed.</b> {sentence(run.error)}</Note></div>}
      <Columns
        aside={changes && (
          <>
            {held && <DecidePanel at={at} run={run} />}
            {run.hold && <HoldPanel run={run} at={at} />}
            <RunFacts run={run} />
            <UndoPanel at={at} run={run} />
          </>
        )}
      >
        {!changes && <RunFacts run={run} />}
        {changes && <RunDiff at={at} run={run} />}
        {held && <UsingFlags at={at} title="Flags that would follow" />}
        <SkippedRows at={at} run={run} />
      </Columns>
    </>
  );
}
