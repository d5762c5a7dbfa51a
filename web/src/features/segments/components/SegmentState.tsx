import { StatePill, type State } from '@/components/StatePill';
import type { Segment } from '@/features/segments/api/segments';
import { driftedWhy, holdWords } from '@/features/segments/components/runWords';
import { exactTime } from '@/lib/time';

const states: readonly State[] = ['live', 'syncing', 'held', 'stale', 'failed'];

/** The one state of a segment that is the worst. */
export function SegmentState({ segment }: { segment: Segment }) {
  const muster = segment._muster;
  if (!muster) return <StatePill state="live" why="Its rules and targets are part of the flags’ data, which every reader follows." />;
  const state = states.find((one) => one === muster.state) ?? 'live';
  if (state === 'held' && muster.hold) {
    return <StatePill state="held" why={`Held since ${exactTime(muster.hold.heldAt)}: ${holdWords(muster.hold)}.`} />;
  }
  if (state === 'live' && muster.drifted) return <StatePill state="drifted" why={driftedWhy} />;
  return <StatePill state={state} why={state === 'failed' ? muster.error : undefined} />;
}
