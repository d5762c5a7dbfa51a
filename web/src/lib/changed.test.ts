import { expect, test } from 'vitest';

import { changedParts } from '@/lib/changed';

test('only what differs is a change', () => {
  const before = { name: 'Banner', tags: ['a'], mobile: false };
  expect(changedParts(before, { ...before, tags: ['a'] })).toEqual([]);
  expect(changedParts(before, { ...before, tags: ['a', 'b'], mobile: true })).toEqual(['tags', 'mobile']);
});
