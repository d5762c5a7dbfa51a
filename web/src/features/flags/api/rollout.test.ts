import { expect, test } from 'vitest';

import { completed, evenRollout, isFixed, leftOf, percentOf, weightOf, withWeight } from '@/features/flags/api/rollout';

test('shares are whole thousandths of a percent, and all of them the whole', () => {
  expect(evenRollout(3).variations).toEqual([{ variation: 0, weight: 33_334 }, { variation: 1, weight: 33_333 }, { variation: 2, weight: 33_333 }]);
  expect(leftOf(evenRollout(7))).toBe(0);
  expect([percentOf(33_333), percentOf(50_000), percentOf(1)]).toEqual(['33.333', '50', '0.001']);
  expect([weightOf(33.333), weightOf(0.1 + 0.2), weightOf(100), weightOf(100.001), weightOf(-1), weightOf(Number.NaN)]).toEqual([33_333, 300, 100_000, undefined, undefined, undefined]);
});

test('of two variations the other one gets the rest; of three a person decides', () => {
  expect(withWeight(evenRollout(2), 0, 80_000).variations.map(({ weight }) => weight)).toEqual([80_000, 20_000]);
  expect(withWeight(evenRollout(2), 1, 1).variations.map(({ weight }) => weight)).toEqual([99_999, 1]);
  const three = withWeight(evenRollout(3), 1, 50_000);
  expect([three.variations.map(({ weight }) => weight), leftOf(three)]).toEqual([[33_334, 50_000, 33_333], -16_667]);
});

test('a rollout has room for every variation of the flag', () => {
  const saved = { variations: [{ variation: 1, weight: 100_000 }], bucketBy: 'plan' };
  expect(completed(saved, 3)).toEqual({ bucketBy: 'plan', variations: [{ variation: 1, weight: 100_000 }, { variation: 0, weight: 0 }, { variation: 2, weight: 0 }] });
  expect(completed(evenRollout(2), 2)).toEqual(evenRollout(2));
});

test('what a semantic patch cannot say is not edited', () => {
  expect([isFixed(evenRollout(2)), isFixed({ ...evenRollout(2), seed: 0 }), isFixed({ ...evenRollout(2), kind: 'experiment' }), isFixed({ variations: [{ variation: 0, weight: 100_000, _untracked: true }] })])
    .toEqual([false, true, true, true]);
});
