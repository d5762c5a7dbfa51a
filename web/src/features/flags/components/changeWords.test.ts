import { expect, test } from 'vitest';

import type { Clause, Rule, Serve, Targeting } from '@/features/flags/api/targeting';
import { changesOf, type Names } from '@/features/flags/components/changeWords';

const names: Names = {
  variation: (index) => (index === undefined ? 'the default in the code' : ['true', 'false'][index] ?? ''), segment: (key) => key.toUpperCase(), flag: (key) => `flag ${key}`,
  variationOf: (_, index) => `variation ${index + 1}`,
};
const inVip: Clause = { id: 'c1', kind: undefined, attribute: 'segmentMatch', op: 'segmentMatch', values: ['vip'], negate: false };
const country: Clause = { id: 'c2', kind: 'user', attribute: 'country', op: 'in', values: ['DE'], negate: false };
const shares = (...weights: number[]): Serve => ({ rollout: { variations: weights.map((weight, variation) => ({ variation, weight })) } });
const rule = (id: string, change: Partial<Rule> = {}): Rule => ({ id, description: '', clauses: [inVip], serve: shares(50_000, 50_000), disabled: false, ...change });
const before: Targeting = { prerequisites: [], targets: [{ kind: 'user', variation: 0, values: ['ann'] }], rules: [rule('a'), rule('b')], fallthrough: { variation: 1 }, off: undefined };
const words = (change: Partial<Targeting>) => changesOf(names, before, { ...before, ...change });

test('each change is one sentence', () => {
  expect(words({})).toEqual([]);
  expect(words({ rules: [rule('a', { serve: shares(80_000, 20_000) }), rule('b')] })).toEqual(['Rule 1: rollout 50 % → 80 %']);
  expect(words({ rules: [rule('a', { serve: { variation: 1 } }), rule('b')] })).toEqual(['Rule 1: true 50 %, false 50 % → false']);
  expect(words({ fallthrough: shares(10, 99_990), off: 0 })).toEqual(['Everyone else: false → true 0.01 %, false 99.99 %', 'When off: the default in the code → true']);
  expect(words({ prerequisites: [{ key: 'x', variation: 0 }] })).toEqual(['Prerequisite flag x: has to serve variation 1']);
  expect(words({ targets: [{ kind: 'user', variation: 1, values: ['ann', 'bob'] }, { kind: 'org', variation: 0, values: ['a', 'b', 'c', 'd', 'e', 'f'] }] })).toEqual([
    'Targets: user ann, bob served false', 'Targets: 6 org keys served true',
  ]);
  expect(words({ targets: [] })).toEqual(['Targets: user ann no longer served true by key']);
});

test('rules are told by the number that they have now, those that are gone by the one they had', () => {
  expect(words({ rules: [rule('b')] })).toEqual(['Rule 1: removed']);
  expect(words({ rules: [rule('b', { description: 'Second' }), rule('a')] })).toEqual(['Rules: new order, 2, 1', 'Rule 1: named “Second”']);
  const added = rule('new', { description: 'Try it', clauses: [{ ...inVip, negate: true }, country], serve: { variation: 0 } });
  expect(words({ rules: [added, rule('a'), rule('b')] })).toEqual(['Rule 1 (Try it): new, if not in VIP and country is one of DE serve true']);
});

test('conditions are told by what they ask', () => {
  const changed = (...clauses: Clause[]) => changesOf(names, { ...before, rules: [rule('a', { clauses: [inVip, country] })] }, { ...before, rules: [rule('a', { clauses })] });
  expect(changed(inVip)).toEqual(['Rule 1: no longer asks country is one of DE']);
  expect(changed(inVip, country, { ...country, id: 'c3', kind: 'org', op: 'startsWith', negate: true })).toEqual(['Rule 1: also asks org country does not start with DE']);
  expect(changed(inVip, { ...country, values: ['FR'] })).toEqual(['Rule 1: country is one of, now with FR and without DE']);
  expect(changed({ ...inVip, values: ['vip', 'beta'] }, country)).toEqual(['Rule 1: is in, now with BETA']);
  expect(changed({ ...inVip, negate: true }, country)).toEqual(['Rule 1: in VIP → not in VIP']);
});
