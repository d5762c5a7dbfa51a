import { kindOf } from '@/components/runWords';
import type { HeldContext, Run } from '@/features/segments/api/runs';
import { counted, digits, percent } from '@/lib/number';

/** Why members may differ from what the tool has. */
export const driftedWhy = 'Edited by hand, rolled back, or a held sync was discarded; the next full sync clears it.';

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
