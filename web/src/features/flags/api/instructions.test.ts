import { describe, expect, it } from 'vitest';

import { instructionsOf } from '@/features/flags/api/instructions';
import type { Clause, Rule, Targeting } from '@/features/flags/api/targeting';

const ids = ['v-true', 'v-false'];
const country: Clause = { id: 'c2', kind: 'user', attribute: 'country', op: 'in', values: ['DE', 'FR'], negate: false };
const inVip: Clause = { id: 'c1', kind: undefined, attribute: 'segmentMatch', op: 'segmentMatch', values: ['vip'], negate: false };
const rule = (id: string, change: Partial<Rule> = {}): Rule => ({ id, description: '', clauses: [inVip, country], serve: { variation: 0 }, disabled: false, ...change });
const before: Targeting = {
  prerequisites: [{ key: 'base', variation: 0 }], targets: [{ kind: 'user', variation: 0, values: ['ann', 'bob'] }], rules: [rule('r1'), rule('r2')],
  fallthrough: { variation: 1 }, off: 1,
};
const to = (change: Partial<Targeting>) => instructionsOf(ids, before, { ...before, ...change });

describe('a semantic patch', () => {
  it('is empty when nothing differs', () => {
    expect(to({})).toEqual([]);
    expect(to({ targets: [{ kind: 'user', variation: 0, values: ['bob', 'ann'] }, { kind: 'org', variation: 1, values: [] }] })).toEqual([]);
  });

  it('says what everybody else and nobody is served', () => {
    expect(to({ fallthrough: { rollout: { variations: [{ variation: 0, weight: 12_500 }, { variation: 1, weight: 87_500 }], contextKind: 'org', bucketBy: 'plan' } }, off: 0 })).toEqual([
      { kind: 'updateFallthroughVariationOrRollout', rolloutWeights: { 'v-true': 12_500, 'v-false': 87_500 }, rolloutContextKind: 'org', rolloutBucketBy: 'plan' },
      { kind: 'updateOffVariation', variationId: 'v-true' },
    ]);
  });

  it('moves a key from one variation to the other', () => {
    expect(to({ targets: [{ kind: 'user', variation: 0, values: ['ann'] }, { kind: 'user', variation: 1, values: ['bob', 'cy'] }, { kind: 'org', variation: 0, values: ['acme'] }] })).toEqual([
      { kind: 'removeTargets', contextKind: 'user', variationId: 'v-true', values: ['bob'] },
      { kind: 'addTargets', contextKind: 'user', variationId: 'v-false', values: ['bob', 'cy'] },
      { kind: 'addTargets', contextKind: 'org', variationId: 'v-true', values: ['acme'] },
    ]);
  });

  it('names prerequisites by the ids of their variations', () => {
    expect(to({ prerequisites: [{ key: 'base', variation: 1, variationId: 'b-off' }, { key: 'other', variation: 0, variationId: 'o-on' }] })).toEqual([
      { kind: 'updatePrerequisite', key: 'base', variationId: 'b-off' }, { kind: 'addPrerequisite', key: 'other', variationId: 'o-on' },
    ]);
    expect(to({ prerequisites: [] })).toEqual([{ kind: 'removePrerequisite', key: 'base' }]);
  });
});

describe('the semantic patch of rules', () => {
  const added = rule('unsaved 1', { clauses: [inVip], description: 'Try it', serve: { rollout: { variations: [{ variation: 0, weight: 50_000 }, { variation: 1, weight: 50_000 }] } } });
  const asAdded = {
    kind: 'addRule', description: 'Try it', rolloutWeights: { 'v-true': 50_000, 'v-false': 50_000 },
    clauses: [{ attribute: 'segmentMatch', op: 'segmentMatch', values: ['vip'], negate: false }],
  };

  it('puts a new rule where it stands', () => {
    expect(to({ rules: [...before.rules, added] })).toEqual([asAdded]);
    expect(to({ rules: [rule('r1'), added, rule('r2')] })).toEqual([{ ...asAdded, beforeRuleId: 'r2' }]);
  });

  it('sorts what is saved before it adds what is new', () => {
    expect(to({ rules: [rule('r2'), added, rule('r1')] })).toEqual([{ kind: 'reorderRules', ruleIds: ['r2', 'r1'] }, { ...asAdded, beforeRuleId: 'r1' }]);
  });

  it('does not sort rules because one is gone', () => {
    expect(to({ rules: [rule('r2')] })).toEqual([{ kind: 'removeRule', ruleId: 'r1' }]);
  });

  it('changes a name and what is served', () => {
    expect(to({ rules: [rule('r1', { description: 'VIPs', serve: { variation: 1 } }), rule('r2')] })).toEqual([
      { kind: 'updateRuleDescription', ruleId: 'r1', description: 'VIPs' }, { kind: 'updateRuleVariationOrRollout', ruleId: 'r1', variationId: 'v-false' },
    ]);
  });

  it('adds and removes values, so that those of others stay', () => {
    expect(to({ rules: [rule('r1', { clauses: [inVip, { ...country, values: ['FR', 'NL'] }] }), rule('r2')] })).toEqual([
      { kind: 'removeValuesFromClause', ruleId: 'r1', clauseId: 'c2', values: ['DE'] }, { kind: 'addValuesToClause', ruleId: 'r1', clauseId: 'c2', values: ['NL'] },
    ]);
  });

  it('replaces a clause that asks for something else', () => {
    expect(to({ rules: [rule('r1', { clauses: [inVip, { ...country, op: 'startsWith', values: ['D'] }] }), rule('r2')] })).toEqual([
      { kind: 'updateClause', ruleId: 'r1', clauseId: 'c2', clause: { contextKind: 'user', attribute: 'country', op: 'startsWith', values: ['D'], negate: false } },
    ]);
  });

  it('removes and adds clauses', () => {
    expect(to({ rules: [rule('r1', { clauses: [country, { ...inVip, id: 'unsaved 2', negate: true }] }), rule('r2')] })).toEqual([
      { kind: 'removeClauses', ruleId: 'r1', clauseIds: ['c1'] },
      { kind: 'addClauses', ruleId: 'r1', clauses: [{ attribute: 'segmentMatch', op: 'segmentMatch', values: ['vip'], negate: true }] },
    ]);
  });
});
