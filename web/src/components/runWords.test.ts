import { expect, test } from 'vitest';

import { effectOf, tookWords } from '@/components/runWords';
import type { components } from '@/lib/api/schema';

const run: components['schemas']['Run'] = {
  _id: 'r', segmentKey: 's', state: 'live', kind: 'push', mode: 'delta', received: 5, added: 3, removed: 2, unchanged: 0, skipped: 0, receivedAt: 1000,
  durations: { parse: 1, stage: 1, commit: 1 }, _links: {},
};

test('a held or discarded sync tells what it would have done, others what they did', () => {
  const hold = { reason: 'shrink', limit: 30, would: { added: 1, removed: 900, members: 601 } } as const;
  expect(effectOf({ ...run, hold })).toEqual({ added: 3, removed: 2, unapplied: false });
  for (const state of ['held', 'discarded'] as const) expect(effectOf({ ...run, state, hold })).toEqual({ added: 1, removed: 900, unapplied: true });
});

test('how long it took is as exact as it is short', () => {
  expect(tookWords(run)).toBe('–');
  expect(tookWords({ ...run, liveAt: 1000 })).toBe('< 1 ms');
  expect(tookWords({ ...run, liveAt: 1009 })).toBe('9 ms');
  expect(tookWords({ ...run, liveAt: 2440 })).toBe('1.4 s');
  expect(tookWords({ ...run, liveAt: 181_000 })).toBe('3 min');
});
