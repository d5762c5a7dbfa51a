import { keepPreviousData, queryOptions } from '@tanstack/react-query';

import { api } from '@/lib/api/client';
import { answered } from '@/lib/api/data';
import { ApiError } from '@/lib/api/error';
import type { components } from '@/lib/api/schema';
import { atPlace, type Place } from '@/lib/place';

/**
 * The key of what is known of an environment. Everything below it is forgotten when the live stream
 * has a gap, so every query about an environment begins with it.
 */
export function inEnvironment(place: Place, ...what: readonly unknown[]) {
  return ['environment', place.project, place.environment, ...what] as const;
}

export function environmentQuery(place: Place) {
  return queryOptions({
    queryKey: inEnvironment(place, 'environment'),
    queryFn: async ({ signal }) =>
      answered(await api.GET('/api/v2/projects/{projectKey}/environments/{environmentKey}', { params: { path: atPlace(place) }, signal })),
  });
}

export type Project = Omit<components['schemas']['Project'], 'environments'> & { environments: components['schemas']['Environment'][] };

/** The key of what is known of projects and the lists of their environments. */
export const projectsKey = ['projects'] as const;

/** A project with its environments; null when there is none that this person may see. */
export function projectQuery(key: string) {
  return queryOptions({
    queryKey: [...projectsKey, 'one', key],
    queryFn: async ({ signal }): Promise<Project | null> => {
      try {
        return withEnvironments(answered(await api.GET('/api/v2/projects/{projectKey}', { params: { path: { projectKey: key }, query: { expand: 'environments' } }, signal })));
      } catch (error) {
        if (error instanceof ApiError && error.status === 404) return null;
        throw error;
      }
    },
  });
}

/** How many projects are offered at once: who looks for another types more of its name. */
const offeredProjects = 20;

/** The first projects whose name or key has the words, with their environments, and how many have them. */
export function projectsQuery(words = '') {
  return queryOptions({
    queryKey: [...projectsKey, 'found', words],
    queryFn: async ({ signal }) => {
      const { items, totalCount } = answered(await api.GET('/api/v2/projects', {
        params: { query: { limit: offeredProjects, sort: 'name', expand: 'environments', filter: words === '' ? undefined : `query:${words.replace(/[,:]/g, ' ')}` } }, signal,
      }));
      return { items: items.map(withEnvironments), totalCount };
    },
    placeholderData: keepPreviousData,
  });
}

/** The document says only that environments come in one of two shapes; asked for, they are a collection. */
function withEnvironments(project: components['schemas']['Project']): Project {
  return { ...project, environments: (project.environments as components['schemas']['EnvironmentCollection'] | undefined)?.items ?? [] };
}
