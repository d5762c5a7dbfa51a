import { expect, test } from 'vitest';

import { patchOf, type Details } from '@/features/flags/api/details';

const before: Details = { name: 'Banner', description: '', tags: ['a'], mobile: false, browser: true, temporary: true, maintainer: '' };

test('a change is saved only over what it was', () => {
  expect(patchOf(before, { ...before, name: 'The banner', mobile: true, description: 'Asks', maintainer: 'f'.repeat(24) })).toEqual([
    { op: 'test', path: '/name', value: 'Banner' }, { op: 'add', path: '/name', value: 'The banner' },
    { op: 'add', path: '/description', value: 'Asks' },
    { op: 'test', path: '/clientSideAvailability/usingMobileKey', value: false }, { op: 'add', path: '/clientSideAvailability/usingMobileKey', value: true },
    { op: 'add', path: '/maintainerId', value: 'f'.repeat(24) },
  ]);
});
