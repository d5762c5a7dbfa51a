import { keepPreviousData, queryOptions } from '@tanstack/react-query';

import { api } from '@/lib/api/client';
import { answered } from '@/lib/api/data';
import { inEnvironment } from '@/lib/api/environment';
import type { components } from '@/lib/api/schema';
import { atPlace, type Place } from '@/lib/place';
import { choice, count, text } from '@/lib/search';

export type Run = components['schemas']['Run'];

export const runStates = ['live', 'held', 'received', 'staged', 'discarded', 'rejected', 'superseded', 'rolledBack'] as const;
export const runPageSize = 50;

/** Which syncs are shown, as the address says it. */
export interface SyncsSearch {
  state?: (typeof runStates)[number];
  tool?: string;
  segment?: string;
  /** Words in the name or key of the segment. */
  q?: string;
  page?: number;
}

export function syncsSearch(search: Record<string, unknown>): SyncsSearch {
  return { state: choice(search.state, runStates), tool: text(search.tool), segment: text(search.segment), q: text(search.q), page: count(search.page) };
}

/** One page of the syncs of an environment, newest first. */
export function runsQuery(place: Place, search: SyncsSearch, limit = runPageSize) {
  return queryOptions({
    queryKey: inEnvironment(place, 'runs', 'list', limit, search),
    queryFn: async ({ signal }) =>
      answered(await api.GET('/api/v2/projects/{projectKey}/environments/{environmentKey}/runs', {
        params: { path: atPlace(place), query: { limit, offset: ((search.page ?? 1) - 1) * limit, state: search.state, tool: search.tool, segment: search.segment, q: search.q } }, signal,
      })),
    placeholderData: keepPreviousData,
  });
}
