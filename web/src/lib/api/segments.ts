import { keepPreviousData, queryOptions } from '@tanstack/react-query';

import { api } from '@/lib/api/client';
import { answered } from '@/lib/api/data';
import { inEnvironment } from '@/lib/api/environment';
import { atPlace, type Place } from '@/lib/place';

/** How many segments are offered at once: who looks for another types more of its name. */
const offered = 20;

/** The first segments whose name or key has the words. */
export function segmentChoiceQuery(place: Place, words: string) {
  return queryOptions({
    queryKey: inEnvironment(place, 'segments', 'choice', words),
    queryFn: async ({ signal }) =>
      answered(await api.GET('/api/v2/segments/{projectKey}/{environmentKey}', {
        params: { path: atPlace(place), query: { limit: offered, sort: 'name', filter: words === '' ? undefined : `query equals ${JSON.stringify(words)}` } }, signal,
      })).items,
    placeholderData: keepPreviousData,
  });
}
