import { describe, expect, test } from 'vitest';

import type { Flag, FlagConfig } from '@/features/flags/api/flags';
import { draftOf, editsSince, kindOf, moved, problemsOf, usesOf, valueIn, variationInstructions } from '@/features/flags/api/variations';

const config = (change: Partial<FlagConfig>) => ({ _environmentName: 'Production', on: true, offVariation: 1, fallthrough: { variation: 0 }, ...change }) as FlagConfig;
const flag = {
  key: 'offer', defaults: { onVariation: 0, offVariation: 1 },
  variations: [{ _id: 'a', value: 'twenty', name: '20 %' }, { _id: 'b', value: 'none' }, { _id: 'c', value: 'ten' }],
  environments: {
    production: config({ rules: [{ trackEvents: false, clauses: [], rollout: { variations: [{ variation: 0, weight: 50_000 }, { variation: 2, weight: 50_000 }] } }] }),
    test: config({ _environmentName: 'Test', targets: [{ variation: 2, values: ['ann'] }] }),
  },
} as unknown as Flag;

test('the kind of a flag is that of its values', () => {
  const of = (...values: unknown[]) => kindOf({ variations: values.map((value) => ({ value })) });
  expect([of(true, false), of('a'), of(1, 2), of({}, [1]), of(null)]).toEqual(['boolean', 'string', 'number', 'json', 'json']);
});

test('a text is a value of its kind, or says what is wrong', () => {
  expect([valueIn('string', ' '), valueIn('number', '1e3'), valueIn('boolean', 'false'), valueIn('json', '[1]')])
    .toEqual([{ value: ' ' }, { value: 1000 }, { value: false }, { value: [1] }]);
  expect([valueIn('number', ''), valueIn('number', 'x'), valueIn('json', '1')])
    .toEqual([{ problem: 'Type a number.' }, { problem: 'Type a number.' }, { problem: 'Type an object or an array.' }]);
  expect(valueIn('json', '{')).toHaveProperty('problem');
});

test('no two variations have one value, however it is written', () => {
  const of = (...texts: string[]) => texts.map((text, i) => ({ id: String(i), name: '', description: '', text }));
  expect(problemsOf('number', of('1', '2', '1.0'))).toEqual({ 2: 'Variation 1 has this value already.' });
  expect(problemsOf('json', of('{"a": 1}', '{"a":1}'))).toEqual({ 1: 'Variation 1 has this value already.' });
});

describe('what saves an edit', () => {
  const draft = draftOf(flag);

  test('is nothing when nothing differs', () => {
    expect(variationInstructions(flag, draft)).toEqual([]);
    expect(variationInstructions({ ...flag, variations: [{ _id: 'j', value: { a: 1 } }] }, { list: [{ id: 'j', name: '', description: '', text: '{"a":1}' }], on: 'j', off: '' })).toEqual([]);
  });

  test('names only what differs, and new defaults before what they were is removed', () => {
    const list = [{ ...draft.list[0], name: 'A fifth ' }, draft.list[2], { id: 'new-1', name: '', description: 'Half', text: 'fifty' }] as typeof draft.list;
    expect(variationInstructions(flag, { list, on: 'a', off: 'new-1' })).toEqual([
      { kind: 'updateVariation', variationId: 'a', name: 'A fifth' },
      { kind: 'addVariation', value: 'fifty', name: '', description: 'Half' },
      { kind: 'updateDefaultVariation', onVariationId: 'a', offVariationValue: 'fifty' },
      { kind: 'removeVariation', variationId: 'b' },
    ]);
  });
});

test('where a variation is served', () => {
  expect(usesOf(flag, 0)).toEqual(['in Production: rule 1, everyone else', 'in Test: everyone else']);
  expect(usesOf(flag, 2)).toEqual(['in Production: rule 1', 'in Test: targets']);
  expect(usesOf({ ...flag, environments: {} }, 0)).toEqual([]);
});

test('edits stay when somebody else saved first, and undo nothing of theirs', () => {
  const before = draftOf(flag);
  const [a, b, c] = before.list as [typeof before.list[0], typeof before.list[0], typeof before.list[0]];
  const fresh = { id: 'new-1', name: '', description: '', text: 'fifty' };
  const edited = { list: [{ ...a, name: 'Mine' }, b, fresh], on: 'a', off: 'new-1' };
  const now = { list: [{ ...a, text: 'a fifth' }, { ...b, name: 'Theirs' }, c, { ...fresh, id: 'd', text: 'all' }], on: 'b', off: 'b' };
  expect(moved(edited, before, now)).toEqual({
    list: [{ ...a, name: 'Mine', text: 'a fifth' }, { ...b, name: 'Theirs' }, { ...fresh, id: 'd', text: 'all' }, fresh], on: 'b', off: 'new-1',
  });
});

test('what is typed while an edit is saved is an edit of what was saved', () => {
  const before = draftOf(flag);
  const [a, b, c] = before.list as [typeof before.list[0], typeof before.list[0], typeof before.list[0]];
  const fresh = { id: 'new-1', name: '', description: '', text: 'fifty' };
  const sent = { list: [{ ...a, name: 'Mine ' }, b, c, fresh], on: 'new-1', off: 'b' };
  const later = { id: 'new-2', name: '', description: '', text: 'all' };
  const since = { list: [{ ...a, name: 'Mine ' }, { ...b, name: 'Nothing' }, { ...fresh, name: 'Half' }, later], on: 'new-1', off: 'new-1' };
  const saved = { ...flag, variations: [{ _id: 'a', value: 'twenty', name: 'Mine' }, ...flag.variations.slice(1), { _id: 'd', value: 'fifty' }], defaults: { onVariation: 3, offVariation: 1 } };
  const left = editsSince(since, sent, saved);
  expect(left).toEqual({
    list: [{ ...a, name: 'Mine' }, { ...b, name: 'Nothing' }, { ...fresh, id: 'd', newAs: 'new-1', name: 'Half' }, later], on: 'd', off: 'd',
  });
  expect(variationInstructions(saved, left)).toEqual([
    { kind: 'updateVariation', variationId: 'b', name: 'Nothing' },
    { kind: 'updateVariation', variationId: 'd', name: 'Half' },
    { kind: 'addVariation', value: 'all', name: '', description: '' },
    { kind: 'updateDefaultVariation', onVariationId: 'd', offVariationId: 'd' },
    { kind: 'removeVariation', variationId: 'c' },
  ]);
  expect(variationInstructions(saved, editsSince(sent, sent, saved))).toEqual([]);
});
