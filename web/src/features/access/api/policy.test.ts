// @vitest-environment jsdom
import { expect, test } from 'vitest';

import { projectWords, vocabularyOf } from '@/features/access/api/policy';

test.each([
  ['', ''],
  ['shop', 'shop'],
  ['proj', 'proj'],
  ['proj/', ''],
  ['proj/shop', 'shop'],
  ['proj/shop-*', 'shop-'],
  ['proj/*', ''],
  ['proj/shop:env/prod', 'shop'],
  ['member/ann', ''],
  [':env', ''],
])('who types "%s" looks for the projects of "%s"', (typed, words) => {
  expect(projectWords(typed)).toBe(words);
});

test('of each project that was found, and of its environments, there is every kind', () => {
  const kinds = [{ resource: 'proj/*', actions: ['viewProject'] }, { resource: 'proj/*:env/*:segment/*', actions: ['createSegment', 'viewProject'] }, { resource: 'member/*', actions: ['viewMember'] }];
  const { actions, resources } = vocabularyOf(kinds as never, [{ key: 'shop', environments: [{ key: 'test' }] as never }]);
  expect(actions).toEqual(['*', 'createSegment', 'viewMember', 'viewProject']);
  expect(resources).toEqual(['*', 'proj/*', 'proj/*:env/*:segment/*', 'member/*', 'proj/shop', 'proj/shop:env/*:segment/*', 'proj/shop:env/test:segment/*']);
});
