import { expect, it } from 'vitest';

import type { Run } from '@/features/segments/api/runs';
import { effectOf, fateOf, heldTitle, holdWords, ruleOf, spanOf, summaryOf } from '@/features/segments/components/runWords';

const run: Run = {
  _id: 'r', _links: {}, segmentKey: 's', state: 'live', kind: 'push', mode: 'delta', received: 461, added: 340, removed: 118, unchanged: 0, skipped: 3,
  receivedAt: 1, durations: { parse: 0, stage: 0, commit: 0 },
};
const hold: NonNullable<Run['hold']> = { reason: 'shrink', limit: 30, would: { added: 2, removed: 412_880, members: 10 } };

it('says what a sync was', () => {
  expect(summaryOf(run)).toBe('Delta, 461 received, 3 skipped');
});

it('shows what a held sync would do as something that was not done', () => {
  expect(effectOf({ ...run, state: 'held', added: 0, removed: 0, hold })).toEqual({ added: 2, removed: 412_880, unapplied: true });
  expect(effectOf({ ...run, hold })).toEqual({ added: 340, removed: 118, unapplied: false });
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

it.each([[0, '< 1 ms'], [9, '9 ms'], [1400, '1.4 s'], [180_000, '3 min']])('%i ms is %s', (ms, text) => {
  expect(spanOf(ms)).toBe(text);
});

it('says what would become of one key', () => {
  const fates = [[true, true], [true, false], [false, true], [false, false]].map(([included = false, wouldBeIncluded = false]) => fateOf({ included, wouldBeIncluded }));
  expect(fates).toEqual(['is in and would stay.', 'is in and would leave.', 'is not in and would join.', 'is not in, and would not join.']);
});
