import { count, text, yes } from '@/lib/search';

/** What of the list is shown, and which dialog is open, as the address says it. */
export interface MembersSearch {
  q?: string;
  page?: number;
  create?: true;
  /** The id of the account member who is open. */
  member?: string;
}

export function membersSearch(search: Record<string, unknown>): MembersSearch {
  return { q: text(search.q), page: count(search.page), create: yes(search.create), member: text(search.member) };
}

export interface TokensSearch {
  page?: number;
  create?: true;
  /** The id of the token that is open. */
  token?: string;
}

export function tokensSearch(search: Record<string, unknown>): TokensSearch {
  return { page: count(search.page), create: yes(search.create), token: text(search.token) };
}

export interface RolesSearch {
  q?: string;
  page?: number;
  create?: true;
}

export function rolesSearch(search: Record<string, unknown>): RolesSearch {
  return { q: text(search.q), page: count(search.page), create: yes(search.create) };
}

/** What the tester of a role is asked. */
export interface RoleSearch {
  action?: string;
  resource?: string;
}

export function roleSearch(search: Record<string, unknown>): RoleSearch {
  return { action: text(search.action), resource: text(search.resource) };
}
