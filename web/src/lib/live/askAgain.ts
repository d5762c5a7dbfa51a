import type { QueryClient } from '@tanstack/react-query';

import { inEnvironment } from '@/lib/api/environment';
import type { Place } from '@/lib/place';

/**
 * Asks again for all that is shown of an environment. What is being asked for the first time at this
 * moment is asked once more when it is there: its answer may be of before.
 */
export function askAgain(client: QueryClient, place: Place) {
  const queryKey = inEnvironment(place);
  const underWay = client.getQueryCache().findAll({ queryKey, fetchStatus: 'fetching', predicate: (query) => query.state.data === undefined });
  void client.invalidateQueries({ queryKey });
  for (const query of underWay) {
    // One that fails says so itself, and is asked again by whoever sees that.
    query.fetch().then(() => client.invalidateQueries({ queryKey: query.queryKey, exact: true }), () => undefined);
  }
}
