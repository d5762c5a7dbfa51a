import { queryOptions } from '@tanstack/react-query';

import { testHeader, type TestSync } from '@/features/sources/api/guide';
import { api } from '@/lib/api/client';
import { answered } from '@/lib/api/data';
import { inEnvironment } from '@/lib/api/environment';
import { readError } from '@/lib/api/error';
import type { components } from '@/lib/api/schema';
import type { Tool } from '@/lib/api/tools';
import { atPlace, type Place } from '@/lib/place';

export type Token = components['schemas']['Token'];
export type Run = components['schemas']['Run'];

/** A token that can make the segments of one environment and change their members, and do nothing else. */
export async function createToken(place: Place, tool: Tool): Promise<Token> {
  return answered(await api.POST('/api/v2/tokens', {
    body: {
      name: `${tool.name}, ${place.project} ${place.environment}`.slice(0, 200),
      inlineRole: [{
        effect: 'allow', resources: [`proj/${place.project}:env/${place.environment}:segment/*`], actions: ['createSegment', 'updateIncluded'],
      }],
    },
  }));
}

export function tokenQuery(id: string) {
  return queryOptions({
    queryKey: ['tokens', id],
    queryFn: async ({ signal }) => answered(await api.GET('/api/v2/tokens/{tokenId}', { params: { path: { tokenId: id } }, signal })),
  });
}

/** The newest runs of a tool. */
export function toolRunsQuery(place: Place, tool: string, limit: number) {
  return queryOptions({
    queryKey: inEnvironment(place, 'runs', 'tool', tool, limit),
    queryFn: async ({ signal }) =>
      answered(await api.GET('/api/v2/projects/{projectKey}/environments/{environmentKey}/runs', {
        params: { path: atPlace(place), query: { tool, limit } }, signal,
      })).items,
  });
}

/** Calls muster as the tool would, with the tool's token and without the session. */
export async function sendTest(address: string, authorization: string, test: TestSync): Promise<void> {
  const { pathname, search } = new URL(address);
  const response = await fetch(`${pathname}${search}`, {
    method: 'POST', credentials: 'omit', headers: { 'Authorization': authorization, 'Content-Type': 'application/json', ...testHeader }, body: test.body,
  });
  if (!response.ok) throw await readError(response);
}

/** The key of the segment that a test made; undefined if there is none any more. */
export async function testSegment(place: Place, cohort: string): Promise<string | undefined> {
  const { items } = answered(await api.GET('/api/v2/segments/{projectKey}/{environmentKey}', {
    params: { path: atPlace(place), query: { limit: 1, filter: `query equals ${JSON.stringify(cohort)}` } },
  }));
  return items[0]?.key;
}

export async function deleteSegment(place: Place, segment: string): Promise<void> {
  await api.DELETE('/api/v2/segments/{projectKey}/{environmentKey}/{segmentKey}', { params: { path: { ...atPlace(place), segmentKey: segment } } });
}
