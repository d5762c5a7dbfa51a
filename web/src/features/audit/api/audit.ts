import { keepPreviousData, queryOptions } from '@tanstack/react-query';

import { api } from '@/lib/api/client';
import { answered } from '@/lib/api/data';
import type { components } from '@/lib/api/schema';
import { count, text } from '@/lib/search';

export type AuditEntry = components['schemas']['Audit'];

export const auditPageSize = 20;

/** Which entries are shown, as the address says it. */
export interface AuditSearch {
  q?: string;
  /** The id of an account member or a token. */
  actor?: string;
  /** A specifier of resources, as in policies. */
  resource?: string;
  /** Days, as 2026-11-29, in the browser's zone. */
  from?: string;
  to?: string;
  /** Only what is older than this; Unix milliseconds. */
  cursor?: number;
}

export function auditSearch(search: Record<string, unknown>): AuditSearch {
  return {
    q: text(search.q), actor: text(search.actor), resource: text(search.resource), from: dayOf(search.from), to: dayOf(search.to), cursor: count(search.cursor),
  };
}

function dayOf(value: unknown): string | undefined {
  return typeof value === 'string' && /^\d{4}-\d\d-\d\d$/.test(value) && !Number.isNaN(startOf(value)) ? value : undefined;
}

/** When a day begins, so many days later; Unix milliseconds. */
function startOf(day: string, later = 0): number {
  const [year = 0, month = 1, date = 1] = day.split('-').map(Number);
  return new Date(year, month - 1, date + later).getTime();
}

/** Whether anything is left out but what is older. */
export function isFiltered({ q, actor, resource, from, to }: AuditSearch): boolean {
  return [q, actor, resource, from, to].some((part) => part !== undefined);
}

/** A search in the words of the API. */
export function questionOf({ q, actor, resource, from, to, cursor }: AuditSearch) {
  // Entries at the very beginning of a day are of that day, and "after" leaves out its own moment.
  const after = from === undefined ? undefined : startOf(from) - 1;
  const end = to === undefined ? undefined : startOf(to, 1);
  return { q, actor, spec: resource, after, before: cursor === undefined ? end : Math.min(cursor, end ?? cursor) };
}

/** One page of the audit log, newest first. */
export function auditQuery(search: AuditSearch) {
  return queryOptions({
    queryKey: ['audit', 'list', search],
    queryFn: async ({ signal }) => answered(await api.GET('/api/v2/auditlog', { params: { query: { limit: auditPageSize, ...questionOf(search) } }, signal })),
    placeholderData: keepPreviousData,
  });
}

/** What the log has that is newer than an entry which is shown. */
export function newerQuery(search: AuditSearch, shown: number) {
  const { before, ...question } = questionOf(search);
  return queryOptions({
    queryKey: ['audit', 'newer', question, before, shown],
    queryFn: async ({ signal }) =>
      answered(await api.GET('/api/v2/auditlog', { params: { query: { limit: auditPageSize, ...question, before, after: shown } }, signal })).items.length,
  });
}

export function entryQuery(id: string) {
  return queryOptions({
    queryKey: ['audit', 'entry', id],
    queryFn: async ({ signal }) => answered(await api.GET('/api/v2/auditlog/{entryId}', { params: { path: { entryId: id } }, signal })),
    // What was written there never changes.
    staleTime: Infinity,
  });
}

/** Where the page behind this one begins; undefined when there is none. */
export function nextCursor(links: Record<string, { href: string }>): number | undefined {
  const next = links.next?.href;
  return next === undefined ? undefined : count(new URL(next, window.location.origin).searchParams.get('before'));
}

/** Who may be behind entries: an account member or a token. */
export interface Actor {
  value: string;
  label: string;
  group: 'People' | 'Tokens';
}

/** How many of each sort are offered at once: who looks for another types more of the name. */
const offered = 20;

async function actors(filter: string | undefined, signal: AbortSignal): Promise<Actor[]> {
  const [members, tokens] = await Promise.all([
    api.GET('/api/v2/members', { params: { query: { limit: offered, sort: 'displayName', filter } }, signal }),
    api.GET('/api/v2/tokens', { params: { query: { limit: offered, sort: 'name', showAll: true, filter } }, signal }),
  ]);
  return [
    ...answered(members).items.map((member): Actor => ({ value: member._id, label: [member.firstName, member.lastName].filter(Boolean).join(' ') || member.email, group: 'People' })),
    ...answered(tokens).items.map((token): Actor => ({ value: token._id, label: token.name ?? `Token …${token.token}`, group: 'Tokens' })),
  ];
}

/** The first account members and tokens whose name has the words. */
export function actorsQuery(words: string) {
  return queryOptions({
    queryKey: ['audit', 'actors', 'found', words],
    // Commas and colons part the filters of these lists.
    queryFn: ({ signal }) => actors(words === '' ? undefined : `query:${words.replace(/[,:]/g, ' ')}`, signal),
    placeholderData: keepPreviousData,
  });
}

/** The account member or the token with an id; null when it is gone. */
export function actorQuery(id: string) {
  return queryOptions({
    queryKey: ['audit', 'actors', 'one', id],
    queryFn: async ({ signal }) => (await actors(`id:${id.replace(/[,:]/g, ' ')}`, signal))[0] ?? null,
  });
}

/** The kinds of resources, to offer their specifiers. */
export const resourcesQuery = queryOptions({
  queryKey: ['actions'],
  queryFn: async ({ signal }) => answered(await api.GET('/api/v2/actions', { signal })).items,
  staleTime: Infinity,
});
