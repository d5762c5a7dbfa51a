import { expect, test } from 'vitest';

import { rebased } from '@/features/flags/api/rebase';
import type { Clause, Rule, Targeting } from '@/features/flags/api/targeting';

const clause = (id: string, ...values: string[]): Clause => ({ id, kind: 'user', attribute: 'country', op: 'in', values, negate: false });
const rule = (id: string, change: Partial<Rule> = {}): Rule => ({ id, description: id, clauses: [clause('c', 'DE')], serve: { variation: 0 }, disabled: false, ...change });
const targeting = (change: Partial<Targeting> = {}): Targeting => ({
  prerequisites: [], targets: [{ kind: 'user', variation: 0, values: ['ann', 'bob'] }], rules: [rule('a'), rule('b'), rule('c')], fallthrough: { variation: 0 }, off: 1, ...change,
});
const base = targeting();
const order = ({ rules }: Targeting) => rules.map(({ id }) => id);

test('who edited nothing has what others saved', () => {
  const theirs = targeting({ rules: [rule('c'), rule('x')], off: 0 });
  expect(rebased(base, base, theirs)).toEqual(theirs);
});

test('edits of different things stand side by side; of the same thing mine stays', () => {
  const mine = targeting({ fallthrough: { variation: 1 }, rules: [rule('a', { serve: { variation: 1 } }), rule('b'), rule('c')] });
  const theirs = targeting({ fallthrough: { variation: 2 }, off: 0, rules: [rule('a', { description: 'theirs' }), rule('b'), rule('c')] });
  const both = rebased(base, mine, theirs);
  expect([both.fallthrough, both.off]).toEqual([{ variation: 1 }, 0]);
  expect(both.rules[0]).toEqual(rule('a', { description: 'theirs', serve: { variation: 1 } }));
});

test('clauses of one rule are merged one by one', () => {
  const mine = targeting({ rules: [rule('a', { clauses: [clause('c', 'DE'), clause('mine', 'FR')] })] });
  const theirs = targeting({ rules: [rule('a', { clauses: [clause('c', 'NL')] })] });
  const was = targeting({ rules: [rule('a')] });
  expect(rebased(was, mine, theirs).rules[0]?.clauses).toEqual([clause('c', 'NL'), clause('mine', 'FR')]);
});

test('rules that both added stand behind what they stood behind', () => {
  const mine = targeting({ rules: [rule('a'), rule('mine'), rule('b'), rule('c')] });
  const theirs = targeting({ rules: [rule('first'), rule('a'), rule('b'), rule('c'), rule('last')] });
  expect(order(rebased(base, mine, theirs))).toEqual(['first', 'a', 'mine', 'b', 'c', 'last']);
});

test('an order that I changed is mine, and what they added finds its place in it', () => {
  const mine = targeting({ rules: [rule('c'), rule('a'), rule('b')] });
  const theirs = targeting({ rules: [rule('a'), rule('b'), rule('theirs'), rule('c')] });
  expect(order(rebased(base, mine, theirs))).toEqual(['c', 'a', 'b', 'theirs']);
  expect(order(rebased(base, base, targeting({ rules: [rule('b'), rule('a'), rule('c')] })))).toEqual(['b', 'a', 'c']);
});

test('a rule that they removed stays away, unless I changed it', () => {
  const theirs = targeting({ rules: [rule('c')] });
  const mine = targeting({ rules: [rule('a'), rule('b', { serve: { variation: 1 } }), rule('c', { description: 'mine' })] });
  expect(rebased(base, mine, theirs).rules).toEqual([rule('b', { serve: { variation: 1 } }), rule('c', { description: 'mine' })]);
  expect(order(rebased(base, targeting({ rules: [rule('b')] }), base))).toEqual(['b']);
});

test('targets are merged key by key', () => {
  const mine = targeting({ targets: [{ kind: 'user', variation: 0, values: ['ann'] }, { kind: 'user', variation: 1, values: ['bob'] }] });
  const theirs = targeting({ targets: [{ kind: 'user', variation: 0, values: ['bob', 'cy'] }, { kind: 'org', variation: 1, values: ['acme'] }] });
  expect(rebased(base, mine, theirs).targets).toEqual([
    { kind: 'user', variation: 1, values: ['bob'] }, { kind: 'user', variation: 0, values: ['cy'] }, { kind: 'org', variation: 1, values: ['acme'] },
  ]);
});
