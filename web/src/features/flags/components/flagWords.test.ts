import { expect, test } from 'vitest';

import type { Flag, FlagConfig } from '@/features/flags/api/flags';
import { segmentsOf, servesOf, trendWords } from '@/features/flags/components/flagWords';

const flag = { variations: [{ value: true }, { value: false, name: 'Nothing' }] } as Flag;
const config = { on: true, fallthrough: { variation: 0 }, offVariation: 1 } as FlagConfig;
const inSegments = (...values: unknown[]) => ({ attribute: 'segmentMatch', op: 'segmentMatch', values, negate: false });

test('what a flag serves in one line', () => {
  expect(servesOf(flag, config)).toBe('true for all');
  expect(servesOf(flag, { ...config, on: false })).toBe('Nothing for all');
  expect(servesOf(flag, { ...config, on: false, offVariation: undefined })).toBe('the default in the code for all');
  expect(servesOf(flag, { ...config, fallthrough: { rollout: { variations: [{ variation: 0, weight: 12_500 }, { variation: 1, weight: 87_500 }] } } })).toBe('true 12.5 %, Nothing 87.5 % for all');
  expect(servesOf(flag, { ...config, rules: [{ clauses: [], trackEvents: false }], targets: [{ values: ['a'], variation: 1 }] })).toBe('by 1 rule and targets, else true');
});

test('a segment that two rules name is one', () => {
  const rules = [{ clauses: [inSegments('a', 'b')], trackEvents: false }, { clauses: [inSegments('b')], trackEvents: false }];
  expect(segmentsOf({ ...config, rules })).toEqual(['a', 'b']);
});

test('the trend in words tells the present hour from those that are over', () => {
  expect(trendWords([1204, 0, 98_000, 7])).toBe('Evaluations by the hour: 0 to 98,000, 7 in this hour so far');
  expect(trendWords([0, 0])).toBe('Not evaluated in the last 2 hours');
});
