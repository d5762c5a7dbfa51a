import { queryOptions } from '@tanstack/react-query';

import { queryClient } from '@/lib/api/cache';
import { api } from '@/lib/api/client';
import { answered } from '@/lib/api/data';
import type { components } from '@/lib/api/schema';

export type Tool = components['schemas']['Tool'];

/** The tools that can push, as the server's manifests describe them. They change only with the server. */
export const toolsQuery = queryOptions({
  queryKey: ['tools'],
  queryFn: async ({ signal }) => answered(await api.GET('/api/v2/tools', { signal })),
  staleTime: Infinity,
});

/** What people call the tool with an integration key. Pages of an environment open when the tools are known; a key that none has stays as it is. */
export function toolName(key: string): string {
  return queryClient.getQueryData(toolsQuery.queryKey)?.items.find((tool) => tool.key === key)?.name ?? key;
}
