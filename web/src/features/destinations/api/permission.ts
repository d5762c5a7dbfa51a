import { useQuery } from '@tanstack/react-query';

import { sinksQuery } from '@/features/destinations/api/sinks';
import { tagged, useRefused } from '@/lib/api/permission';
import type { Place } from '@/lib/place';

export type SinkAction = 'updateConfiguration' | 'updateOn' | 'deleteIntegration';

/** Why the person who is signed in may not do something to a store, as a sentence; undefined if they may. */
export function useSinkRefusal(place: Place, id: string, action: SinkAction): string | undefined {
  const { data: sinks } = useQuery(sinksQuery(place));
  const sink = sinks?.find((one) => one._id === id);
  return useRefused(action, sink && tagged(`integration/${id}`, sink.tags), 'this integration');
}
