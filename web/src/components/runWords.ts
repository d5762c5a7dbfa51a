import type { State } from '@/components/StatePill';
import type { components } from '@/lib/api/schema';
import { digits } from '@/lib/number';

type Run = components['schemas']['Run'];

/** What kind of sync it is, in words. */
export function kindOf(run: Run): string {
  switch (run.kind) {
    case 'replace': return 'Full replace';
    case 'import': return run.mode === 'replace' ? 'Full upload' : 'Upload';
    case 'edit': return 'Edit by hand';
    case 'rollback': return run.undoes ? 'Undo of a sync' : 'Rollback';
    default: return 'Delta';
  }
}

/** How each state looks, and what people call it. */
export const looks: Record<Run['state'], { state: State; word: string }> = {
  received: { state: 'syncing', word: 'Syncing' },
  staged: { state: 'syncing', word: 'Syncing' },
  live: { state: 'live', word: 'Live' },
  held: { state: 'held', word: 'Held' },
  discarded: { state: 'off', word: 'Discarded' },
  rejected: { state: 'failed', word: 'Refused' },
  superseded: { state: 'off', word: 'Superseded' },
  rolledBack: { state: 'off', word: 'Rolled back' },
};

/** What it did to the members, or would have done. */
export function effectOf(run: Run): { added: number; removed: number; unapplied: boolean } {
  const would = run.hold?.would;
  if (would && (run.state === 'held' || run.state === 'discarded')) return { added: would.added, removed: would.removed, unapplied: true };
  return { added: run.added, removed: run.removed, unapplied: false };
}

/** From the first byte to visible, in milliseconds; undefined while it is on its way or when it never was. */
export function tookOf(run: Run): number | undefined {
  return run.liveAt === undefined ? undefined : run.liveAt - run.receivedAt;
}

/** A span of time as short as it is: "9 ms", "1.4 s", "3 min". Moments are known to the millisecond, so none took no time. */
export function spanOf(ms: number): string {
  if (ms < 1) return '< 1 ms';
  if (ms < 1000) return `${digits(Math.round(ms))} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  return `${digits(Math.round(ms / 60_000))} min`;
}

/** How long it took, in words: a dash while it is on its way or when it never was visible. */
export function tookWords(run: Run): string {
  const took = tookOf(run);
  return took === undefined ? '–' : spanOf(took);
}
