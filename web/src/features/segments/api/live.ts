import type { QueryClient } from '@tanstack/react-query';

import type { Run, RunPage } from '@/features/segments/api/runs';
import { ofSegment, type SegmentPlace } from '@/features/segments/api/segment';
import type { SegmentPage } from '@/features/segments/api/segments';
import { inEnvironment } from '@/lib/api/environment';
import type { components } from '@/lib/api/schema';
import type { LiveEvents } from '@/lib/live/events';
import type { Place } from '@/lib/place';

/** Shows how a segment is doing wherever it is listed, in place: lists do not reorder under the pointer. */
export function patchSegment(client: QueryClient, place: Place, news: LiveEvents['segment']) {
  client.setQueriesData<SegmentPage>({ queryKey: inEnvironment(place, 'segments', 'list') }, (page) =>
    page && { ...page, items: page.items.map((segment) => (segment.key === news.key ? patched(segment, news) : segment)) });
  client.setQueryData<Segment>(ofSegment({ ...place, segment: news.key }, 'details'), (segment) => segment && patched(segment, news));
}

/** What news of a sync change on the pages of its segment, once the sync is over. */
const ofSyncs = ['details', 'sizes', 'points', 'latest'] as const;
const over: readonly Run['state'][] = ['live', 'held', 'discarded', 'rejected', 'superseded', 'rolledBack'];

/** Shows how a sync is going wherever it is shown, and returns whether it is over. */
export function patchRun(client: QueryClient, at: SegmentPlace, run: Run): boolean {
  client.setQueryData<Run>(ofSegment(at, 'run', run._id), run);
  client.setQueriesData<RunPage>({ queryKey: ofSegment(at, 'runs') }, (page) =>
    page && { ...page, items: page.items.map((known) => (known._id === run._id ? run : known)) });
  return over.includes(run.state);
}

/** Asks again for what a sync that is over has changed: lists of syncs are left as they are under the pointer. */
export function forgetWhatSyncsChange(client: QueryClient, at: SegmentPlace) {
  for (const what of ofSyncs) void client.invalidateQueries({ queryKey: ofSegment(at, what) });
}

type Segment = components['schemas']['Segment'];

function patched(segment: Segment, news: LiveEvents['segment']): Segment {
  return {
    ...segment,
    _unboundedMetadata: segment._unboundedMetadata && { ...segment._unboundedMetadata, includedCount: news.members },
    _muster: segment._muster && {
      ...segment._muster, state: news.state as NonNullable<Segment['_muster']>['state'],
      freshAt: news.freshAt ?? segment._muster.freshAt, revision: news.revision ?? segment._muster.revision, generationMove: news.generationMove,
    },
  };
}
