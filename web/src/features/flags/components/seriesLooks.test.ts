import { expect, test } from 'vitest';

import type { Series } from '@/features/flags/api/buckets';
import { partsOf, shareOf } from '@/features/flags/components/seriesLooks';

const values = ['a', 'b', 'c', 'd'];
const series: Series = {
  _links: {}, series: [],
  metadata: [...values.map((value, i) => ({ key: String(i), variation: i, value })), { key: '4', variation: null, name: 'no variation' }],
};
const flag = { variations: [...values.slice(0, 3).map((value) => ({ value })), { value: 'd', name: 'The old one' }] };

test('each variation looks different, that of a flag that is off is hatched', () => {
  const parts = partsOf(series, flag, 1);
  expect(parts.map(({ name }) => name)).toEqual(['"a"', '"b"', '"c"', 'The old one', 'Default in the code']);
  expect(parts.map(({ hatched }) => hatched)).toEqual([false, true, false, false, false]);
  expect(new Set(parts.map(({ fill, hatched }) => `${fill} ${hatched}`)).size).toBe(5);
});

test('a share is never rounded to nothing or to all', () => {
  expect([shareOf(1, 3), shareOf(1, 1_000_000), shareOf(999_999, 1_000_000), shareOf(0, 7), shareOf(7, 7), shareOf(0, 0)])
    .toEqual(['33.3 %', '< 0.1 %', '> 99.9 %', '0 %', '100 %', '–']);
});
