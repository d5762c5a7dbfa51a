import { expect, test } from 'vitest';

import { gone, unsavedClause, unsavedRule, type Rule, type Targeting } from '@/features/flags/api/targeting';
import { faultsOf } from '@/features/flags/api/targetingFaults';

const saved: Targeting = { prerequisites: [], targets: [], rules: [], fallthrough: { variation: 0 }, off: 1 };
const messages = (edited: Partial<Targeting>, before = saved) => [...faultsOf(before, { ...before, ...edited }).values()];

test('a rule needs a condition, and each condition something to compare', () => {
  expect(messages({ rules: [unsavedRule()] })).toEqual(['Choose a segment.']);
  expect(messages({ rules: [{ ...unsavedRule(), clauses: [] }] })).toEqual(['A rule needs a condition. What everybody gets stands below, at “Everyone else”.']);
  const clause = { ...unsavedClause(), kind: 'user', attribute: 'age', op: 'lessThan' };
  const withClause = (change: Partial<typeof clause>) => messages({ rules: [{ ...unsavedRule(), clauses: [{ ...clause, ...change }] }] });
  expect(withClause({ attribute: ' ' })).toEqual(['Name the attribute.']);
  expect(withClause({ values: [] })).toEqual(['Type a value, then press Enter.']);
  expect(withClause({ values: [5, 'x'] })).toEqual(['“x” is no number.']);
  expect(withClause({ values: [5] })).toEqual([]);
});

test('what is saved already is no reason not to save something else', () => {
  const strange: Rule = { ...unsavedRule(), clauses: [] };
  const before = { ...saved, rules: [strange] };
  expect(messages({ off: 0 }, before)).toEqual([]);
  expect(messages({ rules: [{ ...strange, description: 'Named' }] }, before)).toHaveLength(1);
});

test('the shares of a rollout are 100 %', () => {
  const shares = (...weights: number[]) => messages({ fallthrough: { rollout: { variations: weights.map((weight, variation) => ({ variation, weight })) } } });
  expect(shares(50_000, 49_999)).toEqual(['0.001 % are left to give: the shares must reach 100 %.']);
  expect(shares(60_000, 50_000)).toEqual(['10 % too much: the shares must be 100 % together.']);
  expect(shares(60_000, 40_000)).toEqual([]);
});

test('a context key has one variation', () => {
  const target = (kind: string, variation: number) => ({ kind, variation, values: ['ann'] });
  expect(messages({ targets: [target('user', 0), target('user', 1)] })).toEqual(['user ann stands under two variations. Take it out of one.']);
  expect(messages({ targets: [target('user', 0), target('org', 1)] })).toEqual([]);
});

test('nobody is served a variation that was removed', () => {
  const fault = 'This variation was removed. Choose another.';
  expect(messages({ rules: [{ ...unsavedRule(), clauses: [{ ...unsavedClause(), values: ['vip'] }], serve: { variation: gone } }] })).toEqual([fault]);
  expect(messages({ fallthrough: { variation: gone }, off: gone })).toEqual([fault, fault]);
  expect(messages({ targets: [{ kind: 'user', variation: gone, values: ['ann'] }] })).toEqual([fault]);
});
