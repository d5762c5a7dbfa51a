import { expect, test } from 'vitest';

import type { Clause, Rule, Targeting } from '@/features/flags/api/targeting';
import type { Outcome } from '@/features/flags/api/trial';
import { heldBy, reasonWords, type Trial } from '@/features/flags/components/trialWords';
import { exactTime } from '@/lib/time';

const names = { variation: String, segment: (key: string) => (key === 'vip' ? 'High-intent shoppers' : key), flag: (key: string) => key, variationOf: () => '' };
const inVip: Clause = { id: 'c1', kind: undefined, attribute: 'segmentMatch', op: 'segmentMatch', values: ['other', 'vip'], negate: false };
const country: Clause = { id: 'c2', kind: 'user', attribute: 'country', op: 'in', values: ['DE', 'FR'], negate: false };
const rule: Rule = {
  id: 'r', description: '', clauses: [inVip, country], disabled: false, serve: { rollout: { variations: [{ variation: 0, weight: 80_000 }, { variation: 1, weight: 20_000 }] } },
};
const targeting: Targeting = { prerequisites: [], targets: [], rules: [{ ...rule, id: 'off', disabled: true }, rule], fallthrough: rule.serve, off: 1 };
const joined = new Map([['vip', 1_760_000_000_000]]);
const trial: Trial = { targeting, context: { kind: 'user', key: 'ana', country: 'DE' }, joined };
const outcome = (reason: Outcome['reason'], bucket?: number): Outcome => ({ _value: true, reason, ...(bucket === undefined ? {} : { bucket }) });

test('a rule that matched is explained by what held; rules that SDKs do not see are not counted by them', () => {
  const matched = outcome({ kind: 'RULE_MATCH', ruleIndex: 0 }, 41_234);
  expect(reasonWords(names, matched, trial)).toBe(`Rule 2 matched: in High-intent shoppers since ${exactTime(1_760_000_000_000)} and country is DE. Bucket 41 of 80.`);
  expect(heldBy(matched, trial)).toBe('vip');
  expect(reasonWords(names, matched, { ...trial, joined: new Map([['vip', undefined]]) })).toContain('in High-intent shoppers and country');
  expect(reasonWords(names, matched, { ...trial, joined: new Map() })).toContain('in other or High-intent shoppers and country');
});

test('the part of a rollout is told', () => {
  expect(reasonWords(names, outcome({ kind: 'FALLTHROUGH' }, 80_000), trial)).toBe('No rule matched: everyone else. Bucket 80, from 80 to 100.');
  expect(reasonWords(names, outcome({ kind: 'FALLTHROUGH' }), { ...trial, targeting: { ...targeting, fallthrough: { variation: 0 } } })).toBe('No rule matched: everyone else.');
});

test('other reasons', () => {
  expect(reasonWords(names, outcome({ kind: 'OFF' }), trial)).toBe('The flag is off.');
  expect(reasonWords(names, outcome({ kind: 'TARGET_MATCH' }), trial)).toBe('Targeted by its key.');
  expect(reasonWords(names, outcome({ kind: 'PREREQUISITE_FAILED', prerequisiteKey: 'base' }), trial)).toBe('Prerequisite base does not serve what it has to.');
  expect(reasonWords(names, outcome({ kind: 'ERROR', errorKind: 'MALFORMED_FLAG' }), trial)).toBe('SDKs cannot evaluate it: malformed flag.');
  expect(heldBy(outcome({ kind: 'OFF' }), trial)).toBeUndefined();
});
