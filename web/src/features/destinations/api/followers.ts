import { queryOptions, type QueryClient } from '@tanstack/react-query';

import { withNews } from '@/features/destinations/api/withNews';
import { api } from '@/lib/api/client';
import { answered } from '@/lib/api/data';
import { inEnvironment } from '@/lib/api/environment';
import type { components } from '@/lib/api/schema';
import type { LiveEvents } from '@/lib/live/events';
import { atPlace, type Place } from '@/lib/place';

export type Follower = components['schemas']['Follower'];
export type FollowerList = components['schemas']['FollowerCollection'];

/** Who follows the environment at this moment. */
export function followersQuery(place: Place) {
  return queryOptions({
    queryKey: inEnvironment(place, 'followers'),
    queryFn: async ({ signal }) =>
      answered(await api.GET('/api/v2/projects/{projectKey}/environments/{environmentKey}/followers', { params: { path: atPlace(place) }, signal })),
  });
}

/** Shows how far a follower is. Returns whether it was known: who came cannot be told from a group. */
export function patchFollower(client: QueryClient, place: Place, news: LiveEvents['follower']): boolean {
  const { queryKey } = followersQuery(place);
  const known = client.getQueryData(queryKey)?.items.some((follower) => follower._id === news._id) ?? false;
  if (known) client.setQueryData(queryKey, (list) => list && withNews(list, news));
  return known;
}

/** Has relays take all members of the environment once more. */
export async function resync(place: Place) {
  return answered(await api.POST('/api/v2/projects/{projectKey}/environments/{environmentKey}/resync', { params: { path: atPlace(place) }, body: {} }));
}
