import { queryOptions } from '@tanstack/react-query';

import type { Use } from '@/features/segments/api/segment';
import { api } from '@/lib/api/client';
import { answered } from '@/lib/api/data';
import type { components } from '@/lib/api/schema';

export type Flag = components['schemas']['Flag'];

/** A flag's definition, for the names of its variations. */
export function flagQuery(project: string, flag: string) {
  return queryOptions({
    queryKey: ['flag', project, flag],
    queryFn: async ({ signal }): Promise<Flag> =>
      answered(await api.GET('/api/v2/flags/{projectKey}/{flagKey}', { params: { path: { projectKey: project, flagKey: flag } }, signal })),
  });
}

/** What a rule serves, in words: a value, or the shares of a rollout. */
export function servedBy(rule: Use['rules'][number], flag: Pick<Flag, 'variations'> | undefined): string {
  const name = (variation: number) => {
    const known = flag?.variations[variation];
    if (known === undefined) return `variation ${variation + 1}`;
    return known.name ?? JSON.stringify(known.value);
  };
  const serves = rule.serves;
  if (serves.rollout) return serves.rollout.variations.map((part) => `${name(part.variation)} ${part.weight / 1000} %`).join(', ');
  return serves.variation === undefined ? 'nothing' : name(serves.variation);
}
