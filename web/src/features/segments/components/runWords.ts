import type { State } from '@/components/StatePill';
import type { HeldContext, Run } from '@/features/segments/api/runs';
import { counted, digits, percent } from '@/lib/number';

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

const looks: Record<Run['state'], { state: State; word: string }> = {
  received: { state: 'syncing', word: 'Syncing' },
  staged: { state: 'syncing', word: 'Syncing' },
  live: { state: 'live', word: 'Live' },
  held: { state: 'held', word: 'Held' },
  discarded: { state: 'off', word: 'Discarded' },
  rejected: { state: 'failed', word: 'Refused' },
  superseded: { state: 'off', word: 'Superseded' },
  rolledBack: { state: 'off', word: 'Rolled back' },
};

/** Why members may differ from what the tool has. */
export const driftedWhy = 'Edited by hand, rolled back, or a held sync was discarded; the next full sync clears it.';

/** The pill of a sync. */
export function lookOf(run: Run) {
  return looks[run.state];
}

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

/** Which rule held a sync. */
export function ruleOf(hold: NonNullable<Run['hold']>): string {
  switch (hold.reason) {
    case 'empty': return 'The segment would be empty';
    case 'growth': return `More than ${percent(hold.limit)} would join`;
    default: return hold.limit > 0 ? `More than ${percent(hold.limit)} would leave` : 'More than the guard allows would leave';
  }
}

/** What a sync says about itself in one line. */
export function summaryOf(run: Run): string {
  const skipped = run.skipped > 0 ? `, ${digits(run.skipped)} skipped` : '';
  const unchanged = run.unchanged > 0 ? `, ${digits(run.unchanged)} unchanged` : '';
  if (run.kind === 'rollback' || run.kind === 'edit') return kindOf(run);
  return `${kindOf(run)}, ${digits(run.received)} received${unchanged}${skipped}`;
}

/** What the guard keeps back: "would remove 900 members". */
export function holdWords(hold: { reason: NonNullable<Run['hold']>['reason']; removed: number }): string {
  return hold.reason === 'growth' ? 'would add more members than the guard allows' : `would remove ${counted(hold.removed, 'member')}`;
}

/** What a held sync would do, as a title: "This sync would remove 412,880 members". */
export function heldTitle(hold: NonNullable<Run['hold']>, would: { added: number; removed: number } = hold.would): string {
  if (hold.reason === 'growth') return `This sync would add ${counted(would.added, 'member')}`;
  return `This sync would remove ${counted(would.removed, 'member')}`;
}

/** What would become of one key by the release of a held sync. */
export function fateOf({ included, wouldBeIncluded }: Pick<HeldContext, 'included' | 'wouldBeIncluded'>): string {
  if (included) return wouldBeIncluded ? 'is in and would stay.' : 'is in and would leave.';
  return wouldBeIncluded ? 'is not in and would join.' : 'is not in, and would not join.';
}
