import { queryOptions } from '@tanstack/react-query';

import { ofFlag, type FlagPlace } from '@/features/flags/api/flag';
import { api } from '@/lib/api/client';
import { answered } from '@/lib/api/data';
import type { components } from '@/lib/api/schema';

export type AuditEntry = components['schemas']['Audit'];

/** The newest change of the flag in the environment. `after` is what it led to, so that another one is asked anew. */
export function latestChangeQuery(at: FlagPlace, after: readonly string[]) {
  return queryOptions({
    queryKey: ofFlag(at, 'latest', after),
    queryFn: async ({ signal }): Promise<AuditEntry | null> => {
      const { items } = answered(await api.GET('/api/v2/auditlog', {
        params: { query: { spec: `proj/${at.project}:env/${at.environment}:flag/${at.flag}`, limit: 1 } }, signal,
      }));
      return items[0] ?? null;
    },
  });
}

/** Who made a change, as people call them. */
export function whoOf(entry: AuditEntry): string {
  const member = entry.member;
  if (member) return member.firstName ?? member.email ?? 'Somebody';
  return entry.token ? `The token ${entry.token.name}` : 'Somebody';
}
