import { expect, test } from 'vitest';

import type { FollowerList } from '@/features/destinations/api/followers';
import { withNews } from '@/features/destinations/api/withNews';

const one = { _id: 'sdk-1', kind: 'sdk', name: 'GoClient', count: 1, since: 1, state: 'behind', revision: 7, lagRevisions: 2, lagSeconds: 3 } as const;
const list: FollowerList = { items: [one, { ...one, _id: 'sdk-2' }], totalCount: 2, _links: {} };

test('a follower that got further stays where it is', () => {
  expect(withNews(list, { ...one, revision: 9, lagRevisions: 0, state: 'current' }).items).toEqual([
    { ...one, revision: 9, lagRevisions: 0, state: 'current' }, { ...one, _id: 'sdk-2' },
  ]);
});

test('one that left is no more, nor counted', () => {
  expect(withNews(list, { ...one, gone: true })).toEqual({ ...list, items: [{ ...one, _id: 'sdk-2' }], totalCount: 1 });
});
