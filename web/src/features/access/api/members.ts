import { keepPreviousData, queryOptions } from '@tanstack/react-query';

import type { Grant } from '@/features/access/api/grant';
import type { MembersSearch } from '@/features/access/api/search';
import { api } from '@/lib/api/client';
import { answered } from '@/lib/api/data';
import type { components } from '@/lib/api/schema';

export type Member = components['schemas']['Member'];

export const memberPageSize = 50;

/** One page of the account members. */
export function membersQuery(search: MembersSearch) {
  // Commas and colons part the filters of this list.
  const filter = search.q === undefined ? undefined : `query:${search.q.replace(/[,:]/g, ' ')}`;
  return queryOptions({
    queryKey: ['members', 'list', search.q, search.page],
    queryFn: async ({ signal }) =>
      answered(await api.GET('/api/v2/members', {
        params: { query: { limit: memberPageSize, offset: ((search.page ?? 1) - 1) * memberPageSize, sort: 'displayName', filter } }, signal,
      })),
    placeholderData: keepPreviousData,
  });
}

export function memberQuery(id: string) {
  return queryOptions({
    queryKey: ['members', 'one', id],
    queryFn: async ({ signal }) => answered(await api.GET('/api/v2/members/{memberId}', { params: { path: { memberId: id } }, signal })),
  });
}

/** How the account member is called. */
export function nameOf(member: Pick<Member, 'firstName' | 'lastName' | 'email'>): string {
  return [member.firstName, member.lastName].filter(Boolean).join(' ') || member.email;
}

export interface NewMember {
  email: string;
  name: string;
  password: string;
  grant: Grant;
}

/** Adds an account member; without a password there is none to sign in with yet. */
export async function addMember({ email, name, password, grant }: NewMember): Promise<Member | undefined> {
  const [firstName = '', ...rest] = name.split(/\s+/);
  const { items } = answered(await api.POST('/api/v2/members', {
    body: [{
      email, firstName, lastName: rest.join(' '),
      ...(grant.kind === 'custom' ? { customRoles: grant.customRoles } : { role: grant.role }),
      ...(password === '' ? {} : { password }),
    }],
  }));
  return items[0];
}

/** Gives a member other roles. Custom roles count instead of the built-in one. */
export async function changeMember(id: string, grant: Grant): Promise<Member> {
  const custom = grant.kind === 'custom';
  return answered(await api.PATCH('/api/v2/members/{memberId}', {
    params: { path: { memberId: id } },
    body: [
      { op: 'replace', path: '/role', value: custom ? 'no_access' : grant.role },
      { op: 'replace', path: '/customRoles', value: custom ? grant.customRoles : [] },
    ],
  }));
}

export async function setPassword(id: string, password: string): Promise<void> {
  await api.PUT('/api/v2/members/{memberId}/password', { params: { path: { memberId: id } }, body: { password } });
}

export async function removeMember(id: string): Promise<void> {
  await api.DELETE('/api/v2/members/{memberId}', { params: { path: { memberId: id } } });
}
