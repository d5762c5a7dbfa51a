import { queryOptions, useQuery } from '@tanstack/react-query';

import { api } from '@/lib/api/client';
import { answered } from '@/lib/api/data';
import { environmentQuery } from '@/lib/api/environment';
import type { Place } from '@/lib/place';

function permissionQuery(action: string, resource: string | undefined) {
  return queryOptions({
    queryKey: ['permission', action, resource],
    queryFn: async ({ signal }) => answered(await api.POST('/api/v2/access-check', { body: { action, resource: resource ?? '' }, signal })),
    enabled: resource !== undefined,
    staleTime: 5 * 60_000,
  });
}

/** A part of a resource as policies name it, with its tags: "flag/banner;beta,ui". */
export function tagged(part: string, tags: readonly string[]): string {
  return tags.length > 0 ? `${part};${tags.join(',')}` : part;
}

/** An environment as policies name it. */
export function environmentResource(place: Place, { tags, critical }: { tags: readonly string[]; critical: boolean }): string {
  return tagged(`proj/${place.project}:env/${place.environment}`, critical ? [...tags, '{critical:true}'] : tags);
}

/** Why somebody may not do something, as a sentence. */
export function refusalOf(action: string, what: string): string {
  return `Needs ${action} on ${what}. Ask an admin.`;
}

/**
 * Why the person who is signed in may not do something to a resource, as a sentence; undefined if they may. While that
 * is looked up, or the resource is not known yet, nothing is refused: the server decides in any case.
 */
export function useRefused(action: string, resource: string | undefined, what: string): string | undefined {
  const { data } = useQuery(permissionQuery(action, resource));
  return data?.allowed === false ? refusalOf(action, what) : undefined;
}

/** The same for an environment, or for all of a sort of things in it: below is ":segment/*". */
export function useRefusedHere(place: Place, action: string, below = ''): string | undefined {
  const { data: environment } = useQuery(environmentQuery(place));
  return useRefused(action, environment && `${environmentResource(place, environment)}${below}`, below === '' ? 'this environment' : 'all segments of this environment');
}
