import { expect, test } from 'vitest';

import { isProblem, policyText, readPolicy, refusedAt, type ReadPolicy } from '@/features/access/api/policyText';

const good = policyText([
  { effect: 'allow', actions: ['createSegment', 'updateIncluded'], resources: ['proj/*:env/*:segment/*'] },
  { effect: 'deny', actions: ['*'], resources: ['proj/a', 'proj/x::flag/y'] },
]);

function read(text: string): ReadPolicy {
  const policy = readPolicy(text);
  if (isProblem(policy)) throw new Error(policy.message);
  return policy;
}

test('a policy is read as it was written', () => {
  expect(policyText(read(good).statements)).toBe(good);
  expect(read(' [ ] \n').statements).toEqual([]);
});

test('what the server refuses is found in the text', () => {
  const lines = good.split('\n');
  const at = (part: string) => lines.findIndex((line) => line.includes(part)) + 1;
  expect(refusedAt('statement 1: the resource "proj/x::flag/y" has an empty part', read(good))).toEqual({ line: at('::'), message: 'the resource "proj/x::flag/y" has an empty part' });
  expect(refusedAt('statement 1: something else', read(good))).toEqual({ line: at('deny') - 1, message: 'something else' });
  expect(refusedAt('a policy has at most 200 statements', read(good)).line).toBe(1);
});

test.each([
  ['', 1, 'the text ends where a list of statements is missing'],
  ['{}', 1, 'a policy is a list of statements, in brackets'],
  ['[\n7\n]', 2, 'a statement is an object, in braces'],
  ['[\n{"effect":"allow",\n"actions":["a"] "resources":["*"]}]', 3, 'a comma or } is missing before “"”'],
  ['[{"effect":"allow","actions":["a",],"resources":["*"]}]', 1, 'a comma stands before ]'],
  ['[{"effect":"allow"', 1, 'the bracket opened on line 1 is never closed'],
  ['[{"effect":allow}]', 1, 'a value is missing before “allow”'],
  ['[{"effect":"allow\n"}]', 1, 'the text in quotes has no end on this line'],
  ['[{effect:"allow"}]', 1, 'a name in quotes is missing before “effect”'],
  ['[{"effect" "allow"}]', 1, 'a colon is missing behind "effect"'],
  ['[] []', 1, 'nothing can follow here, but “[” does'],
  ['[\n{"effect":\n"maybe"}]', 3, 'effect must be "allow" or "deny"'],
  ['[\n{"actions":["a"],"resources":["*"]}]', 2, 'effect is missing: "allow" or "deny"'],
  ['[{"effect":"allow","actions":["a"],"notActions":["b"],"resources":["*"]}]', 1, 'give either actions or notActions'],
  ['[{"effect":"allow","actions":["a"]}]', 1, 'give either resources or notResources'],
  ['[{"effect":"allow","actions":[\n""],"resources":["*"]}]', 2, 'an entry of actions is a text in quotes'],
  ['[{"effect":"allow","actions":[],"resources":["*"]}]', 1, 'actions is a list with at least one entry'],
  ['[{"effect":"allow","effect":"deny"}]', 1, 'effect stands here twice'],
  ['[{"effect":"allow",\n"action":["a"]}]', 2, 'a statement has no action; it has effect, actions or notActions, and resources or notResources'],
])('%j is refused on line %d', (text, line, message) => {
  expect(readPolicy(text)).toEqual({ line, message });
});
