import { expect, test } from 'vitest';

import { actorOf, deedOf, whereOf } from '@/features/flags/components/historyWords';

const names = { production: 'Production', test: 'Test' };
const on = (...environments: string[]) => ({ accesses: environments.map((environment) => ({ action: 'updateOn', resource: `proj/web:env/${environment}:flag/banner;growth` })) });

test('a change is in one environment or in all of them', () => {
  expect(whereOf(on('production;{critical:true}'), names)).toBe('Production');
  expect(whereOf(on('test', 'test'), names)).toBe('Test');
  expect(whereOf(on('staging'), names)).toBe('staging');
  expect(whereOf(on('production', 'test'), names)).toBe('all environments');
});

test('who did it is a person, or else a token', () => {
  const token = { _id: '1', _links: {}, name: 'Terraform', serviceToken: true };
  expect(actorOf({ subject: { _links: {}, name: 'Mira Okafor' }, token })).toBe('Mira Okafor');
  expect(actorOf({ token })).toBe('Terraform');
});

test('what was done to it', () => {
  const deeds = ['updated the rules of', 'created the flag', 'turned off', undefined].map((titleVerb) => deedOf({ titleVerb }));
  expect(deeds).toEqual(['updated its rules', 'created the flag', 'turned it off', 'changed it']);
});
