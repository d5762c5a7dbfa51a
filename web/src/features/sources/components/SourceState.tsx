import { StatePill } from '@/components/StatePill';
import type { Source } from '@/features/sources/api/source';
import { sentence } from '@/lib/sentence';
import { exactTime } from '@/lib/time';

/** How the last call of a source went, or that its calls are refused. */
export function SourceState({ source: { lastRun, connected, disconnectedAt } }: { source: Source }) {
  if (!connected) return <StatePill state="off" word="Disconnected" why={disconnectedAt === undefined ? undefined : `Its calls are refused since ${exactTime(disconnectedAt)}.`} />;
  switch (lastRun?.state) {
    case undefined: return null;
    case 'rejected': return <StatePill state="failed" word="Refused" why={lastRun.error === undefined ? undefined : sentence(lastRun.error)} />;
    case 'held': return <StatePill state="held" />;
    case 'received':
    case 'staged': return <StatePill state="syncing" />;
    default: return <StatePill state="live" word="Accepted" />;
  }
}
