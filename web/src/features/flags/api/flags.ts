import { keepPreviousData, queryOptions } from '@tanstack/react-query';

import { api } from '@/lib/api/client';
import { answered } from '@/lib/api/data';
import { inEnvironment } from '@/lib/api/environment';
import type { components } from '@/lib/api/schema';
import type { Place } from '@/lib/place';
import { choice, count, text, yes } from '@/lib/search';

export type Flag = components['schemas']['Flag'];
export type FlagConfig = components['schemas']['FlagConfig'];

export const flagPageSize = 50;
export const flagStates = ['on', 'off', 'archived'] as const;
export const flagSorts = ['name', '-name', 'changed', '-changed'] as const;

/** What of the list is shown and whether a flag is made, as the address says it. */
export interface FlagsSearch {
  q?: string;
  state?: (typeof flagStates)[number];
  /** The key of a segment that rules name. */
  segment?: string;
  tag?: string;
  sort?: (typeof flagSorts)[number];
  page?: number;
  /** The dialog that makes a flag is open. */
  create?: true;
  /** The key of the segment whose members the new flag serves. */
  use?: string;
}

export function flagsSearch(search: Record<string, unknown>): FlagsSearch {
  return {
    q: text(search.q), state: choice(search.state, flagStates), segment: text(search.segment), tag: text(search.tag),
    sort: choice(search.sort, flagSorts), page: count(search.page), create: yes(search.create), use: text(search.use),
  };
}

/** One page of the flags of the project, with their configuration in the environment. */
export function flagsQuery(place: Place, { q, state, segment, tag, sort = 'name', page = 1 }: FlagsSearch) {
  const filters = [
    // Commas and colons part the filters of this list.
    q !== undefined && `query:${q.replace(/[,:]/g, ' ')}`,
    `filterEnv:${place.environment}`,
    state === 'archived' ? 'state:archived' : state !== undefined && `targeting:${state}`,
    segment !== undefined && `segmentTargeted:${segment}`,
  ].filter((filter) => filter !== false);
  return queryOptions({
    queryKey: inEnvironment(place, 'flags', 'list', { q, state, segment, tag, sort, page }),
    queryFn: async ({ signal }) =>
      answered(await api.GET('/api/v2/flags/{projectKey}', {
        params: {
          path: { projectKey: place.project },
          query: {
            env: [place.environment], summary: '0', expand: ['pulse'], limit: flagPageSize, offset: (page - 1) * flagPageSize, sort: sort.replace('changed', 'targetingModifiedDate'),
            filter: filters.join(','), ...(tag === undefined ? {} : { tag }),
          },
        },
        signal,
      })),
    placeholderData: keepPreviousData,
  });
}

export interface NewFlag {
  key: string;
  name: string;
  description: string;
  /** Absent for true and false. */
  variations?: { value: unknown; name?: string; description?: string }[];
}

/** Makes a flag that is off everywhere: on, it would serve its first variation, off the last. */
export async function createFlag(place: Place, { key, name, description, variations }: NewFlag): Promise<Flag> {
  return answered(await api.POST('/api/v2/flags/{projectKey}', {
    params: { path: { projectKey: place.project } },
    body: {
      key, name, ...(description === '' ? {} : { description }),
      ...(variations === undefined ? {} : { variations, defaults: { onVariation: 0, offVariation: variations.length - 1 } }),
    },
  }));
}

/** Every tag of flags. */
export const flagTagsQuery = queryOptions({
  queryKey: ['tags', 'flag'],
  queryFn: async ({ signal }) => answered(await api.GET('/api/v2/tags', { params: { query: { kind: ['flag'] } }, signal })).items,
});
