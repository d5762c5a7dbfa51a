import { queryOptions } from '@tanstack/react-query';

import { api } from '@/lib/api/client';
import { answered } from '@/lib/api/data';

/** The kinds of contexts that a project knows. */
export function contextKindsQuery(project: string) {
  return queryOptions({
    queryKey: ['context-kinds', project],
    queryFn: async ({ signal }) =>
      answered(await api.GET('/api/v2/projects/{projectKey}/context-kinds', { params: { path: { projectKey: project } }, signal })).items,
  });
}
