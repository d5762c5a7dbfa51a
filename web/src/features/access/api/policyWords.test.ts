import { expect, test } from 'vitest';

import { resourceWords, statementWords } from '@/features/access/api/policyWords';

test('the policy of a tool reads as what it may', () => {
  expect(statementWords({ effect: 'allow', actions: ['createSegment', 'updateIncluded'], resources: ['proj/*:env/*:segment/*'] }))
    .toBe('Allow `createSegment`, `updateIncluded` on every segment of every environment.');
});

test('denials, complements and several resources', () => {
  expect(statementWords({ effect: 'deny', actions: ['*'], resources: ['proj/*:env/*;{critical:true}:segment/*'] }))
    .toBe('Deny every action on every segment of every critical environment of every project.');
  expect(statementWords({ effect: 'allow', notActions: ['deleteSegment'], resources: ['proj/web:env/*:segment/*', 'proj/web'] }))
    .toBe('Allow every action but `deleteSegment` on every segment of every environment of project `web` and on project `web`.');
  expect(statementWords({ effect: 'allow', actions: ['update*'], notResources: ['acct', 'member/*:token/*'] }))
    .toBe('Allow every action like `update*` on everything but the account and every personal token.');
  expect(statementWords({ effect: 'deny', notActions: ['viewProject'], resources: ['*'] })).toBe('Deny every action but `viewProject` on everything.');
});

test.each([
  ['proj/*', 'every project'],
  ['proj/*:env/*', 'every environment'],
  ['proj/*:env/production:segment/*', 'every segment of environment `production` of every project'],
  ['proj/web:env/prod-*:segment/crm-*', 'every segment like `crm-*` of every environment like `prod-*` of project `web`'],
  ['proj/*:env/*;qa_*:segment/*;synced,marketing', 'every segment tagged `synced` and `marketing` of every environment tagged `qa_*` of every project'],
  ['proj/*:env/*;critical:false:segment/*', 'every segment of every not critical environment of every project'],
  ['proj/*:env/*;{critical:true},eu:flag/f', 'flag `f` of every critical environment tagged `eu` of every project'],
  ['proj/*:env/*;qa_*:/flag/*', 'every flag of every environment tagged `qa_*` of every project'],
  ['service-token/*', 'every service token'],
  ['proj/web:context-kind/org', 'context kind `org` of project `web`'],
  ['experiment/x', 'experiment `x`'],
])('%s is %s', (specifier, words) => {
  expect(resourceWords(specifier)).toBe(words);
});
