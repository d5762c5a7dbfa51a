import { queryOptions } from '@tanstack/react-query';

import { api } from '@/lib/api/client';
import { answered } from '@/lib/api/data';
import { inEnvironment } from '@/lib/api/environment';
import type { components } from '@/lib/api/schema';
import { atPlace, type Place } from '@/lib/place';

export type Segment = components['schemas']['Segment'];

/** A segment that a rule names. It stands where the live stream keeps the members and the state of segments. */
export function namedSegmentQuery(place: Place, key: string) {
  return queryOptions({
    queryKey: inEnvironment(place, 'segment', key, 'details'),
    queryFn: async ({ signal }): Promise<Segment> =>
      answered(await api.GET('/api/v2/segments/{projectKey}/{environmentKey}/{segmentKey}', { params: { path: { ...atPlace(place), segmentKey: key } }, signal })),
  });
}

/** How many are in a segment by key; undefined for a segment by rules, whose members nobody counts. */
export function membersOf(segment: Segment): number | undefined {
  if (segment._unboundedMetadata) return segment._unboundedMetadata.includedCount;
  return segment.rules.length > 0 ? undefined : segment.included.length;
}
