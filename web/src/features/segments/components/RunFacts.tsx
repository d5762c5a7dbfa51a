import { CopyText } from '@/components/CopyText';
import { Fact, Facts } from '@/components/Facts';
import { Panel } from '@/components/Panel';
import { spanOf, tookOf } from '@/components/runWords';
import type { Run } from '@/features/segments/api/runs';
import { digits } from '@/lib/number';
import { exactTime } from '@/lib/time';

/** The figures of a sync and where it came from. */
export function RunFacts({ run }: { run: Run }) {
  const took = tookOf(run);
  return (
    <Panel title="About this sync">
      <Facts>
        <Fact label="Run"><CopyText text={run._id} what="run id" /></Fact>
        <Fact label="Received">{digits(run.received)}{run.bytes ? ` in ${digits(run.bytes)} bytes` : ''}</Fact>
        <Fact label="Unchanged">{digits(run.unchanged)}</Fact>
        <Fact label="Skipped">{digits(run.skipped)}</Fact>
        {took !== undefined && <Fact label="Took">{spanOf(took)}</Fact>}
        {run.liveAt !== undefined && <Fact label="Live since">{exactTime(run.liveAt)}</Fact>}
        {run.revision !== undefined && run.revision > 0 && <Fact label="Revision">{digits(run.revision)}</Fact>}
        {run.userAgent && <Fact label="Sent by">{run.userAgent}</Fact>}
        {run.comment && <Fact label="Note">{run.comment}</Fact>}
        {run.note && <Fact label="Remark">{run.note}</Fact>}
      </Facts>
    </Panel>
  );
}
