import { expect, test } from 'vitest';

import { actorWords, levelsOf, whatWords, whereWords } from '@/features/audit/components/auditWords';

const links = {};

test('what was done begins with a capital', () => {
  expect(whatWords({ titleVerb: 'updated the name of', name: 'VIPs' })).toBe('Updated the name of VIPs');
  expect(whatWords({ name: 'VIPs' })).toBe('VIPs');
});

test('who it was: a person, a token of theirs, a token of nobody', () => {
  const member = { _id: 'm', _links: links, firstName: 'Mira', lastName: 'Okafor', email: 'mira@example.org' };
  const token = { _id: 't', _links: links, name: 'ci', serviceToken: false };
  expect(actorWords({ member })).toBe('Person');
  expect(actorWords({ member, token })).toBe('Token of Mira Okafor');
  expect(actorWords({ token })).toBe('Token');
  expect(actorWords({ token: { ...token, serviceToken: true } })).toBe('Service token');
  expect(actorWords({})).toBe('muster itself, or gone since');
});

test('where it was', () => {
  const at = (resource: string) => whereWords({ target: { name: 'x', resources: [resource], _links: links } });
  expect(at('proj/web:env/production:segment/vip')).toBe('web, production');
  expect(at('proj/web')).toBe('web');
  expect(at('member/1:token/2')).toBe('Account');
  expect(levelsOf('member/1:token/2')).toEqual({ member: '1', token: '2' });
});
