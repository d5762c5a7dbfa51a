import { queryOptions } from '@tanstack/react-query';

import { api } from '@/lib/api/client';
import { answered } from '@/lib/api/data';
import { inEnvironment } from '@/lib/api/environment';
import type { components } from '@/lib/api/schema';
import { atPlace, type Place } from '@/lib/place';

export type Guard = components['schemas']['Guard'];

/** Whose limits are meant: a segment's, those that the segments of a source inherit, or without both those that all segments of the environment inherit. */
export interface GuardScope extends Place {
  segment?: string;
  source?: string;
}

/** The limits that a person can set; null is off. */
export type Limits = Pick<Guard, 'shrinkPercent' | 'allowEmpty' | 'growthPercent'>;

function keyOf(scope: GuardScope, ...what: readonly unknown[]) {
  if (scope.segment !== undefined) return inEnvironment(scope, 'segment', scope.segment, 'guard', ...what);
  return inEnvironment(scope, 'guard', scope.source ?? null, ...what);
}

export function guardQuery(scope: GuardScope) {
  return queryOptions({
    queryKey: keyOf(scope),
    queryFn: async ({ signal }) => {
      const { segment, source } = scope;
      if (segment !== undefined) {
        return answered(await api.GET('/api/v2/segments/{projectKey}/{environmentKey}/{segmentKey}/guard', { params: { path: { ...atPlace(scope), segmentKey: segment } }, signal }));
      }
      if (source !== undefined) {
        return answered(await api.GET('/api/v2/projects/{projectKey}/environments/{environmentKey}/sources/{integrationKey}/guard', {
          params: { path: { ...atPlace(scope), integrationKey: source } }, signal,
        }));
      }
      return answered(await api.GET('/api/v2/projects/{projectKey}/environments/{environmentKey}/guard', { params: { path: atPlace(scope) }, signal }));
    },
  });
}

/** How many of the last syncs these limits would have held. */
export function trialQuery(scope: GuardScope, limits: Limits) {
  return queryOptions({
    queryKey: keyOf(scope, 'trial', limits),
    queryFn: async ({ signal }) => {
      const { segment, source } = scope;
      if (segment !== undefined) {
        return answered(await api.POST('/api/v2/segments/{projectKey}/{environmentKey}/{segmentKey}/guard/trial', {
          params: { path: { ...atPlace(scope), segmentKey: segment } }, body: limits, signal,
        }));
      }
      if (source !== undefined) {
        return answered(await api.POST('/api/v2/projects/{projectKey}/environments/{environmentKey}/sources/{integrationKey}/guard/trial', {
          params: { path: { ...atPlace(scope), integrationKey: source } }, body: limits, signal,
        }));
      }
      return answered(await api.POST('/api/v2/projects/{projectKey}/environments/{environmentKey}/guard/trial', { params: { path: atPlace(scope) }, body: limits, signal }));
    },
  });
}

/** Sets limits; those that inherited names are left to others. */
export async function saveGuard(scope: GuardScope, body: Partial<Limits> & { inherited?: string[] }): Promise<Guard> {
  const { segment, source } = scope;
  if (segment !== undefined) {
    return answered(await api.PATCH('/api/v2/segments/{projectKey}/{environmentKey}/{segmentKey}/guard', { params: { path: { ...atPlace(scope), segmentKey: segment } }, body }));
  }
  if (source !== undefined) {
    return answered(await api.PATCH('/api/v2/projects/{projectKey}/environments/{environmentKey}/sources/{integrationKey}/guard', {
      params: { path: { ...atPlace(scope), integrationKey: source } }, body,
    }));
  }
  return answered(await api.PATCH('/api/v2/projects/{projectKey}/environments/{environmentKey}/guard', { params: { path: atPlace(scope) }, body }));
}
