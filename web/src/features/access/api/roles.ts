import { keepPreviousData, queryOptions, useQuery } from '@tanstack/react-query';

import { isProblem, policyText, readPolicy } from '@/features/access/api/policyText';
import type { RolesSearch } from '@/features/access/api/search';
import { api } from '@/lib/api/client';
import { answered } from '@/lib/api/data';
import type { components } from '@/lib/api/schema';
import { changedParts } from '@/lib/changed';

export type Role = components['schemas']['Role'];
export type Base = Role['basePermissions'];

export const rolePageSize = 50;

/** One page of the custom roles. */
export function rolesQuery(search: RolesSearch) {
  const filter = search.q === undefined ? undefined : `query:${search.q.replace(/[,:]/g, ' ')}`;
  return queryOptions({
    queryKey: ['roles', 'list', search.q, search.page],
    queryFn: async ({ signal }) =>
      answered(await api.GET('/api/v2/roles', {
        params: { query: { limit: rolePageSize, offset: ((search.page ?? 1) - 1) * rolePageSize, sort: 'name', filter } }, signal,
      })),
    placeholderData: keepPreviousData,
  });
}

/** Every custom role: an account has at most as many as one answer holds. */
export const allRolesQuery = queryOptions({
  queryKey: ['roles', 'all'],
  queryFn: async ({ signal }) => answered(await api.GET('/api/v2/roles', { params: { query: { limit: 1000, sort: 'name' } }, signal })).items,
});

/** What people call the custom role with an id; one that the person may not see stays as it is. */
export function useRoleNames(): (id: string) => string {
  const { data } = useQuery(allRolesQuery);
  return (id) => data?.find((role) => role._id === id)?.name ?? id;
}

export function roleQuery(key: string) {
  return queryOptions({
    queryKey: ['roles', 'one', key],
    queryFn: async ({ signal }) => answered(await api.GET('/api/v2/roles/{roleKey}', { params: { path: { roleKey: key } }, signal })),
  });
}

export async function createRole(role: { key: string; name: string; description: string }): Promise<Role> {
  return answered(await api.POST('/api/v2/roles', { body: { ...role, policy: [] } }));
}

/** What a person can edit of a role, the policy as it is typed. */
export interface RoleWords {
  name: string;
  description: string;
  basePermissions: Base;
  policy: string;
}

export function wordsOf({ name, description, basePermissions, policy }: Role): RoleWords {
  return { name, description, basePermissions, policy: policyText(policy) };
}

/** What the words stand for; only a text that is a policy can be saved. */
function editOf({ policy, ...words }: RoleWords) {
  const read = readPolicy(policy);
  if (isProblem(read)) throw new Error(read.message);
  return { ...words, policy: read.statements };
}

/** Saves what differs, each part only over what it was when it was edited: else nothing is saved and the patch is refused. */
export async function saveRole(key: string, from: RoleWords, to: RoleWords): Promise<Role> {
  const [before, after] = [editOf(from), editOf(to)];
  const patch = changedParts(before, after).flatMap((part) => [
    { op: 'test' as const, path: `/${part}`, value: before[part] },
    { op: 'replace' as const, path: `/${part}`, value: after[part] },
  ]);
  return answered(await api.PATCH('/api/v2/roles/{roleKey}', { params: { path: { roleKey: key } }, body: patch }));
}

export async function deleteRole(key: string): Promise<void> {
  await api.DELETE('/api/v2/roles/{roleKey}', { params: { path: { roleKey: key } } });
}
