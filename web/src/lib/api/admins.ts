import { queryOptions } from '@tanstack/react-query';

import { api } from '@/lib/api/client';
import { answered } from '@/lib/api/data';

/** How many admins are named. */
const named = 2;

/** The first account members who can give rights to others, and how many there are. */
export const adminsQuery = queryOptions({
  queryKey: ['members', 'admins'],
  queryFn: async ({ signal }) => {
    const { items, totalCount } = answered(await api.GET('/api/v2/members', { params: { query: { limit: named, sort: 'displayName', filter: 'role:admin' } }, signal }));
    return { totalCount, items: items.map(({ firstName, lastName, email }) => ({ email, name: [firstName, lastName].filter(Boolean).join(' ') || email })) };
  },
  staleTime: 5 * 60_000,
});
