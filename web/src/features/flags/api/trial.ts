import { queryOptions } from '@tanstack/react-query';

import { ofFlag, type FlagPlace, type Instruction } from '@/features/flags/api/flag';
import { api } from '@/lib/api/client';
import { answered } from '@/lib/api/data';
import type { components } from '@/lib/api/schema';
import { atPlace } from '@/lib/place';

export type Outcome = components['schemas']['Outcome'];

/** A context of one kind: its kind, its key and its attributes. */
export type Context = { kind: string; key: string } & Record<string, unknown>;

/** The attributes that somebody typed as JSON, or what is wrong with them. */
export function attributesOf(typed: string): { attributes: Record<string, unknown> } | { fault: string } {
  if (typed.trim() === '') return { attributes: {} };
  try {
    const value: unknown = JSON.parse(typed);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { attributes: value as Record<string, unknown> };
  } catch {
    // Said below.
  }
  return { fault: 'Write a JSON object, such as {"country": "DE"}.' };
}

/** What the flag serves a context as it is saved and with instructions that are not. */
export function trialQuery(at: FlagPlace, version: number, context: Context, instructions: Instruction[]) {
  return queryOptions({
    queryKey: ofFlag(at, 'trial', version, context, instructions),
    queryFn: async ({ signal }) =>
      answered(await api.POST('/api/v2/projects/{projectKey}/environments/{environmentKey}/flags/{flagKey}/evaluate', {
        params: { path: { ...atPlace(at), flagKey: at.flag } }, body: { context, ...(instructions.length === 0 ? {} : { instructions }) }, signal,
      })),
  });
}

/** The segments that hold a context by its key, and when it joined each; undefined when nobody wrote that down. */
export type Joined = ReadonlyMap<string, number | undefined>;

export function joinedQuery(at: FlagPlace, { kind, key }: Context) {
  return queryOptions({
    queryKey: ofFlag(at, 'joined', kind, key),
    queryFn: async ({ signal }): Promise<Joined> => {
      const path = { ...atPlace(at), contextKind: kind, contextKey: key };
      const { items } = answered(await api.GET('/api/v2/projects/{projectKey}/environments/{environmentKey}/contexts/{contextKind}/{contextKey}/segments', { params: { path }, signal }));
      return new Map(items.map((segment) => [segment.segmentKey, segment.since]));
    },
  });
}
