import { queryOptions } from '@tanstack/react-query';

import { api } from '@/lib/api/client';
import { answered } from '@/lib/api/data';
import { inEnvironment } from '@/lib/api/environment';
import type { components } from '@/lib/api/schema';
import { atPlace, type Place } from '@/lib/place';

export type Environment = components['schemas']['Environment'];

/** How long a rotated SDK key goes on working, unless it ends at once. */
export const grace = 24 * 60 * 60 * 1000;

const atEnvironment = '/api/v2/projects/{projectKey}/environments/{environmentKey}' as const;

/** How many readers are connected with the SDK key: server-side SDKs and relays. */
export function keyUsersQuery(place: Place) {
  return queryOptions({
    queryKey: inEnvironment(place, 'followers', 'by-sdk-key'),
    queryFn: async ({ signal }) => {
      const { items } = answered(await api.GET(`${atEnvironment}/followers`, { params: { path: atPlace(place), query: { limit: 200 } }, signal }));
      return items.filter((one) => one.kind === 'sdk' || one.kind === 'poll' || one.kind === 'relay').reduce((sum, one) => sum + one.count, 0);
    },
  });
}

/** Gives the environment a new SDK key. The present one works until a time, or ends at once. */
export async function rotateSDKKey(place: Place, until: number | undefined): Promise<Environment> {
  return answered(await api.POST(`${atEnvironment}/apiKey`, { params: { path: atPlace(place), query: { expiry: until } } }));
}

/** Ends the SDK keys from before a rotation. */
export async function endFormerKeys(place: Place): Promise<Environment> {
  return answered(await api.DELETE(`${atEnvironment}/apiKey/former`, { params: { path: atPlace(place) } }));
}

export async function rotateMobileKey(place: Place): Promise<Environment> {
  return answered(await api.POST(`${atEnvironment}/mobileKey`, { params: { path: atPlace(place) } }));
}

/** What a person can edit of an environment. */
export interface EnvironmentDetails {
  name: string;
  color: string;
  critical: boolean;
  secureMode: boolean;
}

export function detailsOf({ name, color, critical, secureMode }: Environment): EnvironmentDetails {
  return { name, color: color.toUpperCase(), critical, secureMode };
}

/** Which details differ. */
export function changesOf(before: EnvironmentDetails, after: EnvironmentDetails): Partial<EnvironmentDetails> {
  return Object.fromEntries(Object.entries(after).filter(([name, value]) => before[name as keyof EnvironmentDetails] !== value));
}

export async function saveEnvironment(place: Place, changes: Partial<EnvironmentDetails>): Promise<Environment> {
  return answered(await api.PATCH(atEnvironment, { params: { path: atPlace(place) }, body: { merge: changes } }));
}

export interface NewEnvironment extends EnvironmentDetails {
  key: string;
}

export async function createEnvironment(project: string, environment: NewEnvironment): Promise<Environment> {
  return answered(await api.POST('/api/v2/projects/{projectKey}/environments', { params: { path: { projectKey: project } }, body: environment }));
}

export async function deleteEnvironment(place: Place): Promise<void> {
  await api.DELETE(atEnvironment, { params: { path: atPlace(place) } });
}

/** Makes a project with the environments production and test. */
export async function createProject(key: string, name: string): Promise<void> {
  await api.POST('/api/v2/projects', { body: { key, name } });
}
