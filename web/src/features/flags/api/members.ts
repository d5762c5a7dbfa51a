import { keepPreviousData, queryOptions } from '@tanstack/react-query';

import { api } from '@/lib/api/client';
import { answered } from '@/lib/api/data';
import type { components } from '@/lib/api/schema';

type Member = components['schemas']['Member'];

/** How many account members are offered at once: who looks for another types more of the name. */
const offered = 20;

/** The account members whose name or address mentions some words. */
export function foundMembersQuery(words: string) {
  return queryOptions({
    queryKey: ['members', 'found', words],
    queryFn: async ({ signal }) => {
      // Commas and colons part the filters of this list.
      const filter = words === '' ? {} : { filter: `query:${words.replace(/[,:]/g, ' ')}` };
      return answered(await api.GET('/api/v2/members', { params: { query: { limit: offered, sort: 'displayName', ...filter } }, signal })).items;
    },
    placeholderData: keepPreviousData,
  });
}

export function memberQuery(id: string) {
  return queryOptions({
    queryKey: ['members', 'member', id],
    queryFn: async ({ signal }) => answered(await api.GET('/api/v2/members/{memberId}', { params: { path: { memberId: id } }, signal })),
  });
}

/** What an account member is called. */
export function memberName(member: Pick<Member, 'firstName' | 'lastName' | 'email'>): string {
  const name = [member.firstName, member.lastName].filter((part) => part !== undefined && part !== '').join(' ');
  return name === '' ? member.email : name;
}
