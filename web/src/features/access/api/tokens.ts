import { keepPreviousData, queryOptions } from '@tanstack/react-query';

import type { Grant, Statement } from '@/features/access/api/grant';
import type { TokensSearch } from '@/features/access/api/search';
import { api } from '@/lib/api/client';
import { answered } from '@/lib/api/data';
import type { components } from '@/lib/api/schema';

export type Token = components['schemas']['Token'];

export const tokenPageSize = 50;

/** One page of the access tokens that the person may see; administrators see everybody's. */
export function tokensQuery(search: TokensSearch) {
  return queryOptions({
    queryKey: ['tokens', 'list', search.page],
    queryFn: async ({ signal }) =>
      answered(await api.GET('/api/v2/tokens', {
        params: { query: { showAll: true, limit: tokenPageSize, offset: ((search.page ?? 1) - 1) * tokenPageSize } }, signal,
      })),
    placeholderData: keepPreviousData,
  });
}

export function tokenQuery(id: string) {
  return queryOptions({
    queryKey: ['tokens', 'one', id],
    queryFn: async ({ signal }) => answered(await api.GET('/api/v2/tokens/{tokenId}', { params: { path: { tokenId: id } }, signal })),
  });
}

export interface NewToken {
  name: string;
  grant: Grant;
  /** The statements of a policy of its own. */
  policy: Statement[];
  service: boolean;
  /** Unix milliseconds; undefined: never. */
  expiry: number | undefined;
}

/** Makes a token. The answer is the only one with its secret. */
export async function createToken({ name, grant, policy, service, expiry }: NewToken): Promise<Token> {
  const may = {
    builtIn: grant.role === 'no_access' ? {} : { role: grant.role }, custom: { customRoleIds: grant.customRoles }, inline: { inlineRole: policy },
  }[grant.kind];
  return answered(await api.POST('/api/v2/tokens', { body: { name, serviceToken: service, ...may, ...(expiry === undefined ? {} : { expiry }) } }));
}

/** Gives a token another secret; the one before works for a while, or not at all. */
export async function resetToken(id: string, grace: number): Promise<Token> {
  return answered(await api.POST('/api/v2/tokens/{tokenId}/reset', {
    params: { path: { tokenId: id }, query: grace === 0 ? {} : { expiry: Date.now() + grace } },
  }));
}

export async function renameToken(id: string, name: string): Promise<Token> {
  return answered(await api.PATCH('/api/v2/tokens/{tokenId}', { params: { path: { tokenId: id } }, body: [{ op: 'replace', path: '/name', value: name }] }));
}

export async function deleteToken(id: string): Promise<void> {
  await api.DELETE('/api/v2/tokens/{tokenId}', { params: { path: { tokenId: id } } });
}
