import { expect, it } from 'vitest';

import type { Run } from '@/features/segments/api/runs';
import { fateOf, heldTitle, holdWords, ruleOf, summaryOf } from '@/features/segments/components/runWords';

const run: Run = {
  _id: 'r', _links: {}, segmentKey: 's', state: 'live', kind: 'push', mode: 'delta', received: 461, added: 340, removed: 118, unchanged: 0, skipped: 3,
  receivedAt: 1, durations: { parse: 0, stage: 0, commit: 0 },
};
const hold: NonNullable<Run['hold']> = { reason: 'shrink', limit: 30, would: { added: 2, removed: 412_880, members: 10 } };

it('says what a sync was', () => {
  expect(summaryOf(run)).toBe('Delta, 461 received, 3 skipped');
});

it('names the rule and what would happen', () => {
  expect(ruleOf(hold)).toBe('More than 30\u00a0% would leave');
  expect(heldTitle(hold)).toBe('This sync would remove 412,880 members');
  expect(heldTitle({ ...hold, reason: 'growth' })).toBe('This sync would add 2 members');
});

it('says of a hold what it keeps back, without a count that is not known', () => {
  expect(holdWords({ reason: 'shrink', removed: 900 })).toBe('would remove 900 members');
  expect(holdWords({ reason: 'growth', removed: 0 })).toBe('would add more members than the guard allows');
});

it('says what would become of one key', () => {
  const fates = [[true, true], [true, false], [false, true], [false, false]].map(([included = false, wouldBeIncluded = false]) => fateOf({ included, wouldBeIncluded }));
  expect(fates).toEqual(['is in and would stay.', 'is in and would leave.', 'is not in and would join.', 'is not in, and would not join.']);
});
