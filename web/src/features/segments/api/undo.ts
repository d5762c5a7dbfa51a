import { queryOptions } from '@tanstack/react-query';

import type { Run } from '@/features/segments/api/runs';
import { atSegment, ofSegment, type SegmentPlace } from '@/features/segments/api/segment';
import { api } from '@/lib/api/client';
import { answered } from '@/lib/api/data';
import type { components } from '@/lib/api/schema';

export type Undo = components['schemas']['Undo'];

/**
 * What undoing a sync would do. Which revision the segment is at belongs to the question, because who was
 * changed again since moves.
 */
export function undoQuery(at: SegmentPlace, runId: string, revision: number | undefined) {
  return queryOptions({
    queryKey: ofSegment(at, 'run', runId, 'undo', revision),
    queryFn: async ({ signal }): Promise<Undo> =>
      answered(await api.GET('/api/v2/segments/{projectKey}/{environmentKey}/{segmentKey}/runs/{runId}/undo', {
        params: { path: { ...atSegment(at), runId } }, signal,
      })),
  });
}

/** Undoes a sync, if that still does what was seen at the revision. */
export async function undoRun(at: SegmentPlace, runId: string, revision: number): Promise<Run> {
  return answered(await api.POST('/api/v2/segments/{projectKey}/{environmentKey}/{segmentKey}/runs/{runId}/undo', {
    params: { path: { ...atSegment(at), runId } }, body: { revision },
  }));
}
