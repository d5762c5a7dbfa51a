import { useThrottledCallback } from '@mantine/hooks';
import { keepPreviousData, queryOptions, useQueryClient } from '@tanstack/react-query';

import { api } from '@/lib/api/client';
import { answered } from '@/lib/api/data';
import { inEnvironment } from '@/lib/api/environment';
import type { components } from '@/lib/api/schema';
import { toolName } from '@/lib/api/tools';
import { useLive } from '@/lib/live/useLive';
import { atPlace, type Place } from '@/lib/place';

export type Source = components['schemas']['Source'];

const oneSource = '/api/v2/projects/{projectKey}/environments/{environmentKey}/sources/{integrationKey}' as const;

/** The tools that own segments here, with the newest call of each. */
export function sourcesQuery(place: Place) {
  return queryOptions({
    queryKey: inEnvironment(place, 'sources', 'list'),
    queryFn: async ({ signal }) =>
      answered(await api.GET('/api/v2/projects/{projectKey}/environments/{environmentKey}/sources', { params: { path: atPlace(place), query: { limit: 200 } }, signal })).items,
  });
}

export function sourceQuery(place: Place, key: string) {
  return queryOptions({
    queryKey: inEnvironment(place, 'sources', 'one', key),
    queryFn: async ({ signal }) => answered(await api.GET(oneSource, { params: { path: { ...atPlace(place), integrationKey: key } }, signal })),
  });
}

/** What people call a source. */
export function sourceName({ key, name }: Source): string {
  return name ?? toolName(key);
}

export async function changeSource(place: Place, key: string, change: { name?: string; connected?: boolean }): Promise<Source> {
  return answered(await api.PATCH(oneSource, { params: { path: { ...atPlace(place), integrationKey: key } }, body: { merge: change } }));
}

/** Forgets a source. Its segments stay, as lists that people keep. */
export async function forgetSource(place: Place, key: string): Promise<void> {
  await api.DELETE(oneSource, { params: { path: { ...atPlace(place), integrationKey: key } } });
}

export const ownedPageSize = 20;

/** One page of the segments that a source owns. */
export function ownedQuery(place: Place, key: string, page: number) {
  return queryOptions({
    queryKey: inEnvironment(place, 'segments', 'of-source', key, page),
    queryFn: async ({ signal }) =>
      answered(await api.GET('/api/v2/segments/{projectKey}/{environmentKey}', {
        params: { path: atPlace(place), query: { limit: ownedPageSize, offset: (page - 1) * ownedPageSize, filter: `external anyOf ${JSON.stringify([key])}`, sort: 'name' } }, signal,
      })),
    placeholderData: keepPreviousData,
  });
}

/** How often sources are asked for again while syncs come. */
const askAgainEvery = 2000;

/** Keeps what is known of sources as it is, while syncs come. */
export function useSourcesLive(place: Place) {
  const client = useQueryClient();
  const askAgain = useThrottledCallback(() => void client.invalidateQueries({ queryKey: inEnvironment(place, 'sources') }), askAgainEvery);
  useLive('run', askAgain);
}
