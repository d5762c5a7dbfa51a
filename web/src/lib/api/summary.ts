import { queryOptions } from '@tanstack/react-query';

import { api } from '@/lib/api/client';
import { answered } from '@/lib/api/data';
import { inEnvironment } from '@/lib/api/environment';
import { atPlace, type Place } from '@/lib/place';

/** How much an environment has: flags, segments, members, what is held, which tools. */
export function summaryQuery(place: Place) {
  return queryOptions({
    queryKey: inEnvironment(place, 'summary'),
    queryFn: async ({ signal }) =>
      answered(await api.GET('/api/v2/projects/{projectKey}/environments/{environmentKey}/summary', { params: { path: atPlace(place) }, signal })),
  });
}
