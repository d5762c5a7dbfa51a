import { Link } from '@tanstack/react-router';

import { Fact, Facts } from '@/components/Facts';
import { Panel } from '@/components/Panel';
import type { Run } from '@/features/segments/api/runs';
import type { SegmentPlace } from '@/features/segments/api/segment';
import { ruleOf } from '@/features/segments/components/runWords';
import { percent } from '@/lib/number';

const setOn = { segment: 'This segment', source: 'Its source', environment: 'The environment', default: 'The default' } as const;

/** Why the guard held a sync, and what might be behind it. */
export function HoldPanel({ at, run }: { at: SegmentPlace; run: Run }) {
  const hold = run.hold;
  if (!hold) return null;
  return (
    <Panel title="Why it was held">
      <Facts>
        {hold.joinedRunId
          ? (
              <Fact label="Joined">
                <Link to="/projects/$project/environments/$environment/segments/$segment/syncs/$run" params={{ ...at, run: hold.joinedRunId }}>A sync that was held before it</Link>; its changes wait with that one
              </Fact>
            )
          : <Fact label="Rule">{ruleOf(hold)}</Fact>}
        {hold.setOn && (
          <Fact label="Set on">
            {setOn[hold.setOn]}. <Link to="/projects/$project/environments/$environment/segments/$segment/settings" params={at}>Change</Link>
          </Fact>
        )}
        {hold.usualRemovedPercent !== undefined && <Fact label="Usual">{percent(hold.usualRemovedPercent)} leave in a sync</Fact>}
        {hold.likelyCause && <Fact label="Likely cause">{hold.likelyCause}</Fact>}
      </Facts>
    </Panel>
  );
}
