import { queryOptions } from '@tanstack/react-query';

import { inEnvironment } from '@/lib/api/environment';
import type { Place } from '@/lib/place';

interface Status {
  version: string;
  environments: Record<string, { projKey: string; envKey: string; revision: number }>;
}

/** The version of the server and the revision of an environment, from what operators read. */
export function statusQuery(place: Place) {
  return queryOptions({
    queryKey: inEnvironment(place, 'status'),
    queryFn: async ({ signal }) => {
      const response = await fetch('/status', { signal });
      const status = (await response.json()) as Status;
      const here = Object.values(status.environments).find((one) => one.projKey === place.project && one.envKey === place.environment);
      return { version: status.version, revision: here?.revision };
    },
  });
}
