import { queryOptions } from '@tanstack/react-query';

import type { Diff } from '@/features/segments/api/runs';
import { atSegment, ofSegment, type SegmentPlace } from '@/features/segments/api/segment';
import { api } from '@/lib/api/client';
import { answered } from '@/lib/api/data';
import type { components } from '@/lib/api/schema';
import { text } from '@/lib/search';

export type Point = components['schemas']['Point'];

/** The point that stands for what the members are now. */
export const current = 'current';

/** Which points are compared, and which one the dialog is about, as the address says it. */
export interface HistorySearch {
  from?: string;
  to?: string;
  rollback?: string;
}

export function historySearch(search: Record<string, unknown>): HistorySearch {
  return { from: text(search.from), to: text(search.to), rollback: text(search.rollback) };
}

/** What the members are and were, newest first; the first is now. */
export function pointsQuery(at: SegmentPlace) {
  return queryOptions({
    queryKey: ofSegment(at, 'points'),
    queryFn: async ({ signal }) =>
      answered(await api.GET('/api/v2/segments/{projectKey}/{environmentKey}/{segmentKey}/points', {
        params: { path: atSegment(at), query: { limit: 100 } }, signal,
      })),
  });
}

/** Where to download all of what publishing one point in the place of another would do, from the segment. */
export function pointChangesPath(pointId: string, to: string): string {
  return `points/${encodeURIComponent(pointId)}/diff/file?to=${encodeURIComponent(to)}`;
}

/**
 * What publishing one point in the place of another would do. Which revision the segment is at belongs
 * to the question, because what it is now moves.
 */
export function pointDiffQuery(at: SegmentPlace, pointId: string, to: string, revision: number | undefined) {
  return queryOptions({
    queryKey: ofSegment(at, 'point', pointId, 'diff', to, revision),
    queryFn: async ({ signal }): Promise<Diff> =>
      answered(await api.GET('/api/v2/segments/{projectKey}/{environmentKey}/{segmentKey}/points/{pointId}/diff', {
        params: { path: { ...atSegment(at), pointId }, query: { to } }, signal,
      })),
  });
}

/** Makes a point stay however old it gets, or lets go of it. */
export async function keepPoint(at: SegmentPlace, pointId: string, kept: boolean): Promise<Point> {
  return answered(await api.PATCH('/api/v2/segments/{projectKey}/{environmentKey}/{segmentKey}/points/{pointId}', {
    params: { path: { ...atSegment(at), pointId } }, body: { kept },
  }));
}

/** Makes the members what they were at a point. */
export async function publishPoint(at: SegmentPlace, pointId: string, comment = '') {
  return answered(await api.POST('/api/v2/segments/{projectKey}/{environmentKey}/{segmentKey}/points/{pointId}/publish', {
    params: { path: { ...atSegment(at), pointId } }, body: { comment },
  }));
}
