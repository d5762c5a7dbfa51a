import { expect, test } from 'vitest';

import type { Follower } from '@/features/destinations/api/followers';
import { comparisonWords, destinationsOf, factsOf, lagOf } from '@/features/destinations/components/destinationWords';

const follower = (change: Partial<Follower>): Follower => ({
  _id: change.name ?? 'x', kind: 'sink', name: 'x', count: 1, since: 1, state: 'current', revision: 9, lagRevisions: 0, lagSeconds: 0, version: 'redis', address: 'redis:6379', ...change,
});
const keys = (rows: ReturnType<typeof destinationsOf>) => rows.map((row) => row.key);

test('stores come before relays and SDKs, each by name, and muster itself first', () => {
  const all = [follower({ name: 'Go', kind: 'sdk', count: 3 }), follower({ name: 'b' }), follower({ name: 'eu', kind: 'relay' }), follower({ name: 'a' }), follower({ name: 'resp', kind: 'redis', count: 2 })];
  const rows = destinationsOf(all);
  expect(keys(rows)).toEqual(['builtin', 'a', 'b', 'eu', 'Go']);
  expect(rows[0]).toMatchObject({ readers: '2 connections by the Redis protocol, 3 server-side SDKs' });
  expect(keys(destinationsOf(all, 'relay'))).toEqual(['eu']);
  expect(destinationsOf([])).toEqual([]);
});

test('a store says what it is, and what goes on with it', () => {
  expect(factsOf(follower({}))).toBe('Redis · redis:6379');
  expect(factsOf(follower({ walk: { members: 1500, of: 3000 } }))).toBe('Redis · redis:6379 · 1,500 of 3,000 members');
});

test('a comparison says what came of it', () => {
  const v = { began: 1, checked: 2000, missing: 0, extra: 0, foreign: 0, full: false, repair: false, samples: [] };
  expect(comparisonWords(v)).toBe('comparing, 2,000 looked at');
  expect(comparisonWords({ ...v, ended: 2 })).toBe('compared, no differences');
  expect(comparisonWords({ ...v, ended: 2, missing: 1 })).toBe('compared, 1 difference');
  expect(comparisonWords({ ...v, ended: 2, missing: 1, extra: 1, repair: true })).toBe('compared, 2 differences put right');
});

test('one that cannot be written to lags, whatever its revision', () => {
  expect(lagOf(follower({ state: 'failed', lagSeconds: 90 }))).toBe('1 min');
  expect(lagOf(follower({ lagSeconds: 0.2, lagRevisions: 1, state: 'behind' }))).toBe('0.2 s');
  expect(lagOf(follower({ state: 'off' }))).toBe('–');
});
