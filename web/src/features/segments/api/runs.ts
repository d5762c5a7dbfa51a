import { keepPreviousData, queryOptions } from '@tanstack/react-query';

import { atSegment, ofSegment, type SegmentPlace } from '@/features/segments/api/segment';
import { api } from '@/lib/api/client';
import { answered } from '@/lib/api/data';
import type { components } from '@/lib/api/schema';
import { choice, count } from '@/lib/search';

export type Run = components['schemas']['Run'];
export type RunPage = components['schemas']['RunCollection'];
export type Diff = components['schemas']['Diff'];

export const runStates = ['live', 'received', 'staged', 'held', 'discarded', 'rejected', 'superseded', 'rolledBack'] as const;
export const runPageSize = 50;

/** Which syncs are shown, as the address says it. */
export interface RunsSearch {
  state?: (typeof runStates)[number];
  page?: number;
}

export function runsSearch(search: Record<string, unknown>): RunsSearch {
  return { state: choice(search.state, runStates), page: count(search.page) };
}

/** One page of a segment's syncs, newest first. */
export function runsQuery(at: SegmentPlace, search: RunsSearch, limit = runPageSize) {
  return queryOptions({
    queryKey: ofSegment(at, 'runs', limit, search),
    queryFn: async ({ signal }) =>
      answered(await api.GET('/api/v2/segments/{projectKey}/{environmentKey}/{segmentKey}/runs', {
        params: { path: atSegment(at), query: { limit, offset: ((search.page ?? 1) - 1) * limit, state: search.state } }, signal,
      })),
    placeholderData: keepPreviousData,
  });
}

export function runQuery(at: SegmentPlace, runId: string) {
  return queryOptions({
    queryKey: ofSegment(at, 'run', runId),
    queryFn: async ({ signal }): Promise<Run> =>
      answered(await api.GET('/api/v2/segments/{projectKey}/{environmentKey}/{segmentKey}/runs/{runId}', {
        params: { path: { ...atSegment(at), runId } }, signal,
      })),
  });
}

/** What a sync did, or what the release of a held one would do now. */
export function runDiffQuery(at: SegmentPlace, runId: string) {
  return queryOptions({
    queryKey: ofSegment(at, 'run', runId, 'diff'),
    queryFn: async ({ signal }): Promise<Diff> =>
      answered(await api.GET('/api/v2/segments/{projectKey}/{environmentKey}/{segmentKey}/runs/{runId}/diff', {
        params: { path: { ...atSegment(at), runId } }, signal,
      })),
  });
}

export type HeldContext = components['schemas']['HeldContext'];

/** What the release of a held sync would do to one context now. */
export function heldContextQuery(at: SegmentPlace, runId: string, contextKey: string) {
  return queryOptions({
    queryKey: ofSegment(at, 'run', runId, 'diff', contextKey),
    queryFn: async ({ signal }): Promise<HeldContext> =>
      answered(await api.GET('/api/v2/segments/{projectKey}/{environmentKey}/{segmentKey}/runs/{runId}/diff/contexts/{contextKey}', {
        params: { path: { ...atSegment(at), runId, contextKey } }, signal,
      })),
  });
}

export async function releaseRun(at: SegmentPlace, runId: string, comment: string): Promise<Run> {
  return answered(await api.POST('/api/v2/segments/{projectKey}/{environmentKey}/{segmentKey}/runs/{runId}/release', {
    params: { path: { ...atSegment(at), runId } }, body: { comment },
  }));
}

export async function discardRun(at: SegmentPlace, runId: string, comment: string): Promise<Run> {
  return answered(await api.POST('/api/v2/segments/{projectKey}/{environmentKey}/{segmentKey}/runs/{runId}/discard', {
    params: { path: { ...atSegment(at), runId } }, body: { comment },
  }));
}

/** Holds a discarded sync again. */
export async function holdRun(at: SegmentPlace, runId: string): Promise<Run> {
  return answered(await api.POST('/api/v2/segments/{projectKey}/{environmentKey}/{segmentKey}/runs/{runId}/hold', {
    params: { path: { ...atSegment(at), runId } }, body: {},
  }));
}

/** The newest syncs, for the Overview. */
export function latestRunsQuery(at: SegmentPlace) {
  return queryOptions({ ...runsQuery(at, {}, 4), queryKey: ofSegment(at, 'latest') });
}

const underWay: readonly Run['state'][] = ['received', 'staged'];

/** Whether a sync is still on its way. */
export function isUnderWay(run: Run): boolean {
  return underWay.includes(run.state);
}
