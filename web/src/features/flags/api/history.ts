import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';

import { ofFlag, type FlagPlace } from '@/features/flags/api/flag';
import { api } from '@/lib/api/client';
import { answered } from '@/lib/api/data';
import type { components } from '@/lib/api/schema';
import { text } from '@/lib/search';

export type AuditEntry = components['schemas']['Audit'];

const pageSize = 20;

/** Which entry of the history is open. */
export interface FlagHistorySearch {
  entry?: string;
}

export function flagHistorySearch(search: Record<string, unknown>): FlagHistorySearch {
  return { entry: text(search.entry) };
}

/** What the audit log has of the flag, in whatever environment, newest first. */
export function flagHistoryQuery(at: FlagPlace) {
  return infiniteQueryOptions({
    queryKey: ofFlag(at, 'history'),
    queryFn: async ({ signal, pageParam }) =>
      answered(await api.GET('/api/v2/auditlog', {
        params: { query: { spec: `proj/${at.project}:env/*:flag/${at.flag}`, limit: pageSize, before: pageParam } }, signal,
      })),
    initialPageParam: undefined as number | undefined,
    getNextPageParam: (page) => beforeOf(page._links.next?.href),
  });
}

/** Where the next page begins, from the link to it. */
export function beforeOf(href: string | undefined): number | undefined {
  if (href === undefined) return undefined;
  const before = Number(new URL(href, 'http://muster.invalid').searchParams.get('before'));
  return before > 0 ? before : undefined;
}

/** One entry with the flag as it was and as it became. */
export function auditEntryQuery(id: string) {
  return queryOptions({
    queryKey: ['audit', 'entry', id],
    queryFn: async ({ signal }) => answered(await api.GET('/api/v2/auditlog/{entryId}', { params: { path: { entryId: id } }, signal })),
    staleTime: Infinity,
  });
}
