import { keepPreviousData, queryOptions } from '@tanstack/react-query';

import type { Segment } from '@/features/segments/api/segments';
import { api } from '@/lib/api/client';
import { answered } from '@/lib/api/data';
import { inEnvironment } from '@/lib/api/environment';
import type { components } from '@/lib/api/schema';
import { changedParts } from '@/lib/changed';
import { atPlace, type Place } from '@/lib/place';

type Schemas = components['schemas'];
export type Use = Schemas['SegmentUse'];
export type Sizes = Schemas['Sizes'];
export type Follower = Schemas['Follower'];
/** The move of a segment to its next generation while it is under way. */
export type Move = Schemas['Turn'];

/** One segment, named as routes name it. */
export interface SegmentPlace extends Place {
  segment: string;
}

/** The segment as the API names it in paths. */
/** The address of a segment in the API, for what a browser loads by itself. */
export function segmentPath(at: SegmentPlace): string {
  const { projectKey, environmentKey, segmentKey } = atSegment(at);
  return `/api/v2/segments/${[projectKey, environmentKey, segmentKey].map(encodeURIComponent).join('/')}`;
}

export function atSegment(at: SegmentPlace) {
  return { ...atPlace(at), segmentKey: at.segment };
}

/** The key of what is known of one segment, apart from lists. */
export function ofSegment(at: SegmentPlace, ...what: readonly unknown[]) {
  return inEnvironment(at, 'segment', at.segment, ...what);
}

export function segmentQuery(at: SegmentPlace) {
  return queryOptions({
    queryKey: ofSegment(at, 'details'),
    queryFn: async ({ signal }): Promise<Segment> =>
      answered(await api.GET('/api/v2/segments/{projectKey}/{environmentKey}/{segmentKey}', { params: { path: atSegment(at) }, signal })),
  });
}

/** How many of the flags that use a segment are on a page. */
export const usesPageSize = 20;

/** One page of the flags whose rules name the segment. */
export function usesPageQuery(at: SegmentPlace, page: number) {
  return queryOptions({
    queryKey: ofSegment(at, 'uses', page),
    queryFn: async ({ signal }) =>
      answered(await api.GET('/api/v2/segments/{projectKey}/{environmentKey}/{segmentKey}/flags', {
        params: { path: atSegment(at), query: { limit: usesPageSize, offset: (page - 1) * usesPageSize } }, signal,
      })),
    placeholderData: keepPreviousData,
  });
}

/** The flags whose rules name the segment, the first 200 of them. */
export function usesQuery(at: SegmentPlace) {
  return queryOptions({
    queryKey: ofSegment(at, 'uses'),
    queryFn: async ({ signal }) =>
      answered(await api.GET('/api/v2/segments/{projectKey}/{environmentKey}/{segmentKey}/flags', {
        params: { path: atSegment(at), query: { limit: 200 } }, signal,
      })),
  });
}

export const ranges = ['24h', '7d', '30d'] as const;
export type Range = (typeof ranges)[number];

/** How many members there were over time, and what syncs did. */
export function sizesQuery(at: SegmentPlace, range: Range) {
  return queryOptions({
    queryKey: ofSegment(at, 'sizes', range),
    queryFn: async ({ signal }) =>
      answered(await api.GET('/api/v2/segments/{projectKey}/{environmentKey}/{segmentKey}/series', {
        params: { path: atSegment(at), query: { range } }, signal,
      })),
  });
}

/** Everything that reads the environment over a stream at this moment. */
export function followersQuery(place: Place) {
  return queryOptions({
    queryKey: inEnvironment(place, 'followers', 'list'),
    queryFn: async ({ signal }) =>
      answered(await api.GET('/api/v2/projects/{projectKey}/environments/{environmentKey}/followers', {
        params: { path: atPlace(place), query: { limit: 200 } }, signal,
      })),
  });
}

/** What a person can edit of a segment. */
export interface Details {
  name: string;
  description: string;
  tags: string[];
}

export function detailsOf(segment: Segment): Details {
  return { name: segment.name, description: segment.description ?? '', tags: segment.tags };
}

/**
 * Saves the details that differ. Each is saved only over what it was when it was edited: when somebody
 * else changed one first, nothing is saved and the patch is refused.
 */
export async function saveDetails(at: SegmentPlace, before: Details, after: Details): Promise<Segment> {
  const patch = changedParts(before, after).flatMap((name) => [
    ...(name === 'description' && before.description === '' ? [] : [{ op: 'test' as const, path: `/${name}`, value: before[name] }]),
    { op: name === 'description' ? 'add' as const : 'replace' as const, path: `/${name}`, value: after[name] },
  ]);
  return answered(await api.PATCH('/api/v2/segments/{projectKey}/{environmentKey}/{segmentKey}', { params: { path: atSegment(at) }, body: patch }));
}

/** The details of a synced segment that follow its tool until somebody edits them. */
export type Followed = 'name' | 'description';

/** Lets a detail follow the tool again. */
export async function followTool(at: SegmentPlace, field: Followed): Promise<Segment> {
  return answered(await api.POST('/api/v2/segments/{projectKey}/{environmentKey}/{segmentKey}/follow', {
    params: { path: atSegment(at) }, body: { fields: [field] },
  }));
}

/** Begins to give the members another name, under which relays and stores take all of them once more. */
export async function moveSegment(at: SegmentPlace, comment: string): Promise<Move> {
  return answered(await api.POST('/api/v2/segments/{projectKey}/{environmentKey}/{segmentKey}/generation-moves', {
    params: { path: atSegment(at) }, body: { comment },
  }));
}

export async function deleteSegment(at: SegmentPlace): Promise<void> {
  await api.DELETE('/api/v2/segments/{projectKey}/{environmentKey}/{segmentKey}', { params: { path: atSegment(at) } });
}
