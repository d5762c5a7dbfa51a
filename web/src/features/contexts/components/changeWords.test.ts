import { expect, test } from 'vitest';

import { causeOf, verbOf } from '@/features/contexts/components/changeWords';

test('what happened and by what', () => {
  const mira = { kind: 'member', name: 'Mira Okafor' } as const;
  expect([verbOf({ change: 'added' }), verbOf({ change: 'removed' })]).toEqual(['Joined', 'Left']);
  expect(causeOf({ kind: 'push' }, 'RudderStack')).toBe('By RudderStack');
  expect(causeOf({ kind: 'replace', actor: mira }, undefined)).toBe('By a whole list from Mira Okafor');
  expect(causeOf({ kind: 'edit', actor: mira }, undefined)).toBe('By hand, by Mira Okafor');
  expect(causeOf({ kind: 'rollback' }, 'RudderStack')).toBe('By a rollback, by somebody');
  expect(causeOf({}, undefined)).toBe('The run that did it is not known any more');
});
