import { StatePill } from '@/components/StatePill';
import type { Follower } from '@/features/destinations/api/followers';
import { percentOf } from '@/features/destinations/components/destinationWords';
import { digits } from '@/lib/number';

/** How one that follows is doing. */
export function FollowerState({ follower }: { follower: Follower }) {
  switch (follower.state) {
    case 'failed': return <StatePill state="failed" word="Failed" why={follower.error} />;
    case 'walking': return (
      <StatePill state="syncing" word={follower.walk ? `Rebuilding ${percentOf(follower.walk)} %` : 'Rebuilding'} why="It is told every member once; what it has stays readable meanwhile." />
    );
    case 'behind': return <StatePill state="behind" word={`Behind ${digits(follower.lagRevisions)}`} why={follower.error} />;
    case 'paused': return <StatePill state="off" word="Paused" why="Nothing is written to it until somebody resumes it. SDKs call it stale after two minutes." />;
    case 'off': return <StatePill state="off" word="Off" why="Nothing is written to it. SDKs that read it call it stale." />;
    default: return <StatePill state="live" word="Up to date" />;
  }
}
