import { keepPreviousData, queryOptions } from '@tanstack/react-query';

import { api } from '@/lib/api/client';
import { answered } from '@/lib/api/data';
import { inEnvironment } from '@/lib/api/environment';
import type { components } from '@/lib/api/schema';
import { atPlace, type Place } from '@/lib/place';
import { count, text } from '@/lib/search';

export type EvaluatedFlag = components['schemas']['EvaluatedFlag'];

/** A context as the address names it; its key is compared byte for byte. */
export interface Context {
  kind: string;
  key: string;
}

/** A context, and which pages of its segments and of its flags are shown. */
export interface ContextSearch extends Partial<Context> {
  segments?: number;
  flags?: number;
}

export function contextSearch(search: Record<string, unknown>): ContextSearch {
  return { kind: text(search.kind), key: text(search.key), segments: count(search.segments), flags: count(search.flags) };
}

/** How many of its segments, and of its flags, are on a page. */
export const contextPageSize = 50;

/** A segment that a context is in. */
export interface Membership {
  key: string;
  name: string;
  /** When it joined, Unix milliseconds; undefined when that is long ago or nobody wrote it down. */
  since?: number;
  how: 'key' | 'rule';
  /** The tool that syncs the segment. */
  tool?: string;
}

/** One page of the segments that a context is in, by its key or by their rules. */
export function membershipsQuery(place: Place, context: Context, page: number) {
  return queryOptions({
    queryKey: inEnvironment(place, 'context', context, 'segments', page),
    queryFn: async ({ signal }) => {
      const path = { ...atPlace(place), contextKind: context.kind, contextKey: context.key };
      const [evaluated, listed] = await Promise.all([
        api.POST('/api/v2/projects/{projectKey}/environments/{environmentKey}/segments/evaluate', {
          params: { path: atPlace(place), query: { isMember: true, limit: contextPageSize, offset: (page - 1) * contextPageSize } }, body: { ...context }, signal,
        }),
        api.GET('/api/v2/projects/{projectKey}/environments/{environmentKey}/contexts/{contextKind}/{contextKey}/segments', { params: { path }, signal }),
      ]);
      const { items, unreadable = [] } = answered(listed);
      const since = new Map(items.map((segment) => [segment.segmentKey, segment.since]));
      const { items: members, totalCount } = answered(evaluated);
      const memberships = members.map((segment): Membership => ({
        key: segment.key, name: segment.name, since: since.get(segment.key), how: segment.isIndividuallyTargeted ? 'key' : 'rule',
        ...(segment.external === '' ? {} : { tool: segment.external }),
      }));
      return { memberships, totalCount, unreadable };
    },
    placeholderData: keepPreviousData,
  });
}

/** What flags serve a context, and why: one page of them. */
export function servedQuery(place: Place, context: Context, page: number) {
  return queryOptions({
    queryKey: inEnvironment(place, 'context', context, 'flags', page),
    queryFn: async ({ signal }) =>
      answered(await api.POST('/api/v2/projects/{projectKey}/environments/{environmentKey}/flags/evaluate', {
        params: { path: atPlace(place), query: { sort: 'name', limit: contextPageSize, offset: (page - 1) * contextPageSize } }, body: { ...context }, signal,
      })),
    placeholderData: keepPreviousData,
  });
}

export type ContextChange = components['schemas']['ContextTimelineItem'];

/** When a context joined and left segments, newest first. */
export function timelineQuery(place: Place, context: Context) {
  return queryOptions({
    queryKey: inEnvironment(place, 'context', context, 'timeline'),
    queryFn: async ({ signal }) =>
      answered(await api.GET('/api/v2/projects/{projectKey}/environments/{environmentKey}/contexts/{contextKind}/{contextKey}/timeline', {
        params: { path: { ...atPlace(place), contextKind: context.kind, contextKey: context.key } }, signal,
      })),
  });
}
