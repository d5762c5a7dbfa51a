import { keepPreviousData, queryOptions } from '@tanstack/react-query';

import type { SegmentsSearch } from '@/features/segments/api/search';
import { api } from '@/lib/api/client';
import { answered } from '@/lib/api/data';
import { inEnvironment } from '@/lib/api/environment';
import type { components } from '@/lib/api/schema';
import { atPlace, type Place } from '@/lib/place';

export type Segment = components['schemas']['Segment'];
export type SegmentPage = components['schemas']['SegmentCollection'];

export const pageSize = 50;

/** One page of the segments of an environment, as its address asks for it. */
export function segmentsQuery(place: Place, search: SegmentsSearch) {
  return queryOptions({
    queryKey: inEnvironment(place, 'segments', 'list', search),
    queryFn: async ({ signal }) =>
      answered(await api.GET('/api/v2/segments/{projectKey}/{environmentKey}', {
        params: {
          path: atPlace(place),
          query: { limit: pageSize, offset: ((search.page ?? 1) - 1) * pageSize, filter: filterOf(search), sort: search.sort ?? 'name', expand: ['pulse', 'flags'] },
        },
        signal,
      })),
    placeholderData: keepPreviousData,
  });
}

/** The filter of a search in the words of the API. */
export function filterOf(search: SegmentsSearch): string | undefined {
  const conditions = [
    search.q !== undefined && `query equals ${JSON.stringify(search.q)}`,
    search.state !== undefined && `state anyOf ${JSON.stringify([search.state])}`,
    search.tool !== undefined && `external anyOf ${JSON.stringify([search.tool])}`,
    search.tag !== undefined && `tags anyOf ${JSON.stringify([search.tag])}`,
  ].filter((condition) => condition !== false);
  return conditions.length > 0 ? conditions.join(',') : undefined;
}

/** Every tag of the project's segments. */
export const tagsQuery = queryOptions({
  queryKey: ['tags'],
  queryFn: async ({ signal }) => answered(await api.GET('/api/v2/tags', { signal })).items,
});

export interface NewSegment {
  key: string;
  name: string;
  description: string;
  contextKind: string;
}

/** Makes a segment whose members are added by hand or from a list. */
export async function createSegment(place: Place, segment: NewSegment): Promise<Segment> {
  return answered(await api.POST('/api/v2/segments/{projectKey}/{environmentKey}', {
    params: { path: atPlace(place) },
    body: {
      key: segment.key, name: segment.name, unbounded: true, unboundedContextKind: segment.contextKind,
      ...(segment.description === '' ? {} : { description: segment.description }),
    },
  }));
}
