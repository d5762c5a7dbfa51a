import { expect, test } from 'vitest';

import { bucketsOf, evaluationsOf, servedOf, stepsOf, type Evaluations, type Series } from '@/features/flags/api/buckets';

const hour = 3_600_000;
const now = Date.UTC(2026, 10, 29, 12, 34, 56);
const at = (hours: number) => Date.UTC(2026, 10, 29, 12) - hours * hour;

const series: Series = {
  _links: {},
  metadata: [{ key: '0', variation: 0, value: true }, { key: '1', variation: 1, value: false }],
  series: [{ 'time': at(3), '0': 10, '1': 2 }, { 'time': at(0), '0': 5, '1': 0 }],
};

const evaluations: Evaluations = { range: '24h', asOf: now, series };

test('a range has a step for every hour, the present one last', () => {
  const steps = stepsOf('24h', now);
  expect(steps).toHaveLength(24);
  expect([steps[0], steps[23]]).toEqual([at(23), at(0)]);
  expect(stepsOf('48h', now)[0]).toBe(at(47));
});

test('seven days end with today, and each begins at midnight', () => {
  const steps = stepsOf('7d', now);
  expect(steps).toHaveLength(7);
  expect(new Date(steps[6] ?? 0).toDateString()).toBe(new Date(now).toDateString());
  expect(steps.map((step) => new Date(step).getHours())).toEqual([0, 0, 0, 0, 0, 0, 0]);
});

test('hours without evaluations are zero, not absent', () => {
  const buckets = bucketsOf(evaluations);
  expect(buckets).toHaveLength(24);
  expect(buckets.slice(-4).map(({ at: from, counts, total }) => [from, counts['0'], counts['1'], total])).toEqual([
    [at(3), 10, 2, 12], [at(2), 0, 0, 0], [at(1), 0, 0, 0], [at(0), 5, 0, 5],
  ]);
});

test('nothing that was counted is left out of the sums', () => {
  expect(evaluationsOf(evaluations)).toBe(17);
  expect(servedOf(evaluations, '1')).toBe(2);
  const before = { ...evaluations, series: { ...series, series: [{ 'time': at(30), '0': 1, '1': 0 }, ...series.series] } };
  expect(bucketsOf(before).reduce((sum, bucket) => sum + bucket.total, 0)).toBe(evaluationsOf(before));
});
