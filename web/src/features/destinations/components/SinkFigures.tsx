import { Count } from '@/components/Count';
import { Freshness } from '@/components/Freshness';
import { Stat, StatStrip } from '@/components/StatStrip';
import type { Follower } from '@/features/destinations/api/followers';
import type { SinkState } from '@/features/destinations/api/sinks';
import { lagOf } from '@/features/destinations/components/destinationWords';
import { LagSpark } from '@/features/destinations/components/LagSpark';
import { counted, digits } from '@/lib/number';

/** How far a store is, in figures. */
export function SinkFigures({ follower, state }: { follower: Follower; state: SinkState | undefined }) {
  const { lags } = follower;
  return (
    <StatStrip>
      <Stat hero label="Revision" under={follower.lagRevisions > 0 ? `${counted(follower.lagRevisions, 'revision')} behind` : 'the newest'}>
        <Count value={follower.revision > 0 ? follower.revision : null} />
      </Stat>
      <Stat label="Lag" under={lags && lags.length > 1 && <LagSpark lags={lags} warn={follower.state === 'failed'} />}>{lagOf(follower)}</Stat>
      <Stat label="Members a second, lately" under={state && `${digits(state.written)} written since the server started`}><Count value={state && Math.round(state.membersPerSecond)} /></Stat>
      <Stat label="Complete as of" under="SDKs call it stale after 2 min">{state ? <><Freshness at={state.synchronizedOn} />{state.synchronizedOn > 0 && ' ago'}</> : <Count value={undefined} />}</Stat>
    </StatStrip>
  );
}
