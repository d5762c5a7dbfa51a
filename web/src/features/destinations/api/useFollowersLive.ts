import { useThrottledCallback } from '@mantine/hooks';
import { useQueryClient } from '@tanstack/react-query';

import { followersQuery, patchFollower } from '@/features/destinations/api/followers';
import { inEnvironment } from '@/lib/api/environment';
import { useLive } from '@/lib/live/useLive';
import type { Place } from '@/lib/place';

/** How often something is asked again while its news come: the news of a follower do not hold all of it. */
const askAgainEvery = 1000;

/** Keeps those that follow an environment as they are, and with them how the store that is named is doing. */
export function useFollowersLive(place: Place, store?: string) {
  const client = useQueryClient();
  const askAgain = useThrottledCallback(() => void client.invalidateQueries({ queryKey: followersQuery(place).queryKey }), askAgainEvery);
  const askStore = useThrottledCallback(() => void client.invalidateQueries({ queryKey: inEnvironment(place, 'sink', store, 'state') }), askAgainEvery);
  useLive('follower', (news) => {
    if (!patchFollower(client, place, news) && !news.gone) askAgain();
    if (store !== undefined && news.integrationId === store) askStore();
  });
}
