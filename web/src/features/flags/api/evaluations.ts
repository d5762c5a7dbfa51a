import { queryOptions } from '@tanstack/react-query';

import { evaluationRanges, stepsOf, type EvaluationRange, type Evaluations } from '@/features/flags/api/buckets';
import { ofFlag, type FlagPlace } from '@/features/flags/api/flag';
import { api } from '@/lib/api/client';
import { answered } from '@/lib/api/data';
import { inEnvironment } from '@/lib/api/environment';
import { atPlace, type Place } from '@/lib/place';
import { choice } from '@/lib/search';

/** Over which time evaluations are shown; 24 hours unless the address says so. */
export interface EvaluationsSearch {
  range?: EvaluationRange;
}

export function evaluationsSearch(search: Record<string, unknown>): EvaluationsSearch {
  return { range: choice(search.range, evaluationRanges) };
}

/** How often each variation was served, by the hour or the day of the browser's time zone. */
export function evaluationsQuery(at: FlagPlace, range: EvaluationRange) {
  return queryOptions({
    queryKey: ofFlag(at, 'evaluations', range),
    queryFn: async ({ signal }): Promise<Evaluations> => {
      const asOf = Date.now();
      const series = answered(await api.GET('/api/v2/usage/evaluations/{projectKey}/{environmentKey}/{flagKey}', {
        params: {
          path: { ...atPlace(at), flagKey: at.flag }, header: { 'LD-API-Version': 'beta' },
          query: { from: stepsOf(range, asOf)[0], tz: Intl.DateTimeFormat().resolvedOptions().timeZone },
        },
        signal,
      }));
      return { range, asOf, series };
    },
  });
}

/** The SDKs that sent events in the environment, the one heard of last first. */
export function sdksQuery(place: Place) {
  return queryOptions({
    queryKey: inEnvironment(place, 'sdks'),
    queryFn: async ({ signal }) =>
      answered(await api.GET('/api/v2/projects/{projectKey}/environments/{environmentKey}/sdks', { params: { path: atPlace(place), query: { limit: 200 } }, signal })).items,
  });
}
