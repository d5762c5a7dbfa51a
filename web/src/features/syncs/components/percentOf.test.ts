import { expect, test } from 'vitest';

import type { Run } from '@/features/syncs/api/runs';
import { percentOf } from '@/features/syncs/components/percentOf';

const run: Run = {
  _id: 'r', segmentKey: 's', state: 'live', kind: 'push', mode: 'delta', received: 5, added: 3, removed: 2, unchanged: 0, skipped: 0, receivedAt: 1000,
  durations: { parse: 1, stage: 1, commit: 1 }, _links: {},
};

test('a part of an unknown whole is no percentage', () => {
  expect(percentOf(run)).toBeUndefined();
  expect(percentOf({ ...run, progress: { bytesRead: 5, bytesTotal: 0, rows: 1 } })).toBeUndefined();
  expect(percentOf({ ...run, progress: { bytesRead: 5, bytesTotal: 20, rows: 1 } })).toBe(25);
});
