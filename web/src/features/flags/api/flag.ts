import { queryOptions } from '@tanstack/react-query';

import { patchOf, type Details } from '@/features/flags/api/details';
import type { Flag } from '@/features/flags/api/flags';
import { api } from '@/lib/api/client';
import { answered } from '@/lib/api/data';
import { inEnvironment } from '@/lib/api/environment';
import type { components } from '@/lib/api/schema';
import { atPlace, type Place } from '@/lib/place';

/** One flag, named as routes name it; it is the project's, and looked at in one environment. */
export interface FlagPlace extends Place {
  flag: string;
}

/** The flag as the API names it in paths. */
export function atFlag(at: FlagPlace) {
  return { projectKey: at.project, flagKey: at.flag };
}

/** The key of what is known of one flag, apart from lists. */
export function ofFlag(at: FlagPlace, ...what: readonly unknown[]) {
  return inEnvironment(at, 'flag', at.flag, ...what);
}

/** The flag with its configurations in all environments. */
export function flagQuery(at: FlagPlace) {
  return queryOptions({
    queryKey: ofFlag(at, 'details'),
    queryFn: async ({ signal }): Promise<Flag> => answered(await api.GET('/api/v2/flags/{projectKey}/{flagKey}', { params: { path: atFlag(at) }, signal })),
  });
}

/** The flags that have this one as a prerequisite, in whatever environment. */
export function dependentsQuery(at: FlagPlace) {
  return queryOptions({
    queryKey: ofFlag(at, 'dependents'),
    queryFn: async ({ signal }) =>
      answered(await api.GET('/api/v2/flags/{projectKey}/{flagKey}/dependent-flags', {
        params: { path: atFlag(at), header: { 'LD-API-Version': 'beta' } }, signal,
      })).items,
  });
}

/** When SDKs last evaluated the flag here, and what their code would serve. */
export function flagStatusQuery(at: FlagPlace) {
  return queryOptions({
    queryKey: ofFlag(at, 'status'),
    queryFn: async ({ signal }) =>
      answered(await api.GET('/api/v2/flag-statuses/{projectKey}/{environmentKey}/{flagKey}', {
        params: { path: { ...atPlace(at), flagKey: at.flag } }, signal,
      })),
  });
}

export type Instruction = components['schemas']['SemanticPatch']['instructions'][number];

/**
 * Changes the flag by instructions; those about targeting concern the environment. With a version
 * nothing is changed unless it still is the flag's: the answer is 412.
 */
export async function instructFlag(at: FlagPlace, instructions: Instruction[], { comment, version }: { comment?: string; version?: number } = {}): Promise<Flag> {
  return answered(await api.PATCH('/api/v2/flags/{projectKey}/{flagKey}', {
    params: { path: atFlag(at), ...(version === undefined ? {} : { header: { 'If-Match': `"${version}"` } }) },
    headers: { 'Content-Type': 'application/json; domain-model=launchdarkly.semanticpatch' },
    body: { environmentKey: at.environment, ...(comment ? { comment } : {}), instructions },
  }));
}

/** Saves the details that differ; when somebody else changed one of them first nothing is saved, and the answer is 409. */
export async function saveDetails(at: FlagPlace, before: Details, after: Details): Promise<Flag> {
  return answered(await api.PATCH('/api/v2/flags/{projectKey}/{flagKey}', { params: { path: atFlag(at) }, body: patchOf(before, after) }));
}

export async function deleteFlag(at: FlagPlace): Promise<void> {
  await api.DELETE('/api/v2/flags/{projectKey}/{flagKey}', { params: { path: atFlag(at) } });
}
