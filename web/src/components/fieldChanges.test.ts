import { expect, test } from 'vitest';

import { fieldChanges } from '@/components/fieldChanges';

const rule = (id: string, values: string[]) => ({ _id: id, variation: 0, clauses: [{ _id: `c-${id}`, attribute: 'country', values }] });
const flag = (change: object = {}) => ({
  _version: 1, name: 'Banner', tags: ['a', 'b'], clientSideAvailability: { usingMobileKey: false },
  environments: { production: { version: 7, on: true, rules: [rule('r1', ['DE']), rule('r2', ['FR'])] } }, ...change,
});

test('the same object, however its members are ordered, has no changes', () => {
  expect(fieldChanges({ a: 1, b: { c: [1], d: '' } }, { b: { d: null, c: [1] }, a: 1 })).toEqual([]);
});

test('fields are named by where they are, what only counts along is left out', () => {
  const after = flag({ _version: 2, name: 'The banner', clientSideAvailability: { usingMobileKey: true } });
  expect(fieldChanges(flag(), after)).toEqual([
    { path: 'Name', removed: 'Banner', added: 'The banner' },
    { path: 'Client side availability, using mobile key', removed: 'false', added: 'true' },
  ]);
});

test('of lists of values only what left and what came', () => {
  expect(fieldChanges(flag(), flag({ tags: ['b', 'c', 'd'] }))).toEqual([{ path: 'Tags', removed: 'a', added: 'c, d' }]);
  expect(fieldChanges({ tags: ['a', 'b'] }, { tags: ['b', 'a'] })).toEqual([{ path: 'Tags', removed: 'a, b', added: 'b, a' }]);
});

test('a rule in front changes none behind it', () => {
  const environments = { production: { version: 8, on: true, rules: [rule('r0', ['NL']), rule('r1', ['DE', 'AT']), rule('r2', ['FR'])] } };
  expect(fieldChanges(flag(), flag({ environments }))).toEqual([
    { path: 'Environments, production, rule 1', added: '{"variation":0,"clauses":[{"attribute":"country","values":["NL"]}]}' },
    { path: 'Environments, production, rule 2, clause 1, values', added: 'AT' },
  ]);
});

test('members that change places are told by the places that they had', () => {
  const environments = { production: { version: 8, on: true, rules: [rule('r2', ['FR']), rule('r1', ['DE'])] } };
  expect(fieldChanges(flag(), flag({ environments }))).toEqual([{ path: 'Environments, production, rules, order', removed: '1, 2', added: '2, 1' }]);
});

test('an object that is new or gone is told field by field, without what is empty', () => {
  const made = { key: 'banner', name: 'Banner', tags: [], description: '', temporary: false };
  const lines = [{ path: 'Key', value: 'banner' }, { path: 'Name', value: 'Banner' }, { path: 'Temporary', value: 'false' }];
  expect(fieldChanges(undefined, made)).toEqual(lines.map(({ path, value }) => ({ path, added: value })));
  expect(fieldChanges(made, null)).toEqual(lines.map(({ path, value }) => ({ path, removed: value })));
});

test('large values stand on lines of their own', () => {
  const [change] = fieldChanges({ value: null }, { value: { text: 'x'.repeat(100) } });
  expect(change?.added?.split('\n')).toHaveLength(3);
});
