import { useQueryClient } from '@tanstack/react-query';
import { useEffect } from 'react';

import { patchSegment } from '@/features/segments/api/live';
import { sessionQuery } from '@/features/session/api/session';
import { sessionOver } from '@/lib/api/client';
import { inEnvironment } from '@/lib/api/environment';
import { ApiError } from '@/lib/api/error';
import { askAgain } from '@/lib/live/askAgain';
import type { LiveEvent } from '@/lib/live/events';
import { follow } from '@/lib/live/stream';
import { setLiveState, tellLive } from '@/lib/live/useLive';
import type { Place } from '@/lib/place';

/** At most four paints a second, however much goes on. */
const paintEvery = 250;
/** How often totals are asked again while things change. */
const totalsEvery = 2000;

/** Keeps what is shown of an environment as it is, from one stream of news. */
export function useLiveStream(place: Place | undefined) {
  const client = useQueryClient();
  useEffect(() => {
    if (!place) return;
    let waiting: LiveEvent[] = [];
    let timer: ReturnType<typeof setTimeout> | undefined;
    let totals: ReturnType<typeof setTimeout> | undefined;
    const forget = (what: string) => void client.invalidateQueries({ queryKey: inEnvironment(place, what) });
    const paint = () => {
      timer = undefined;
      const events = waiting;
      waiting = [];
      const stale = new Set<string>();
      for (const event of events) {
        if (event.name === 'segment') patchSegment(client, place, event.data);
        if (event.name === 'run') stale.add('runs');
        if (event.name === 'catalog') stale.add(event.data.kind === 'flag' ? 'flags' : 'segments');
        if (event.name === 'head') patchRevision(event.data.revision);
        tellLive(event);
      }
      stale.forEach(forget);
      if (events.some((event) => event.name === 'run' || event.name === 'segment' || event.name === 'catalog')) {
        totals ??= setTimeout(() => {
          totals = undefined;
          forget('summary');
        }, totalsEvery);
      }
    };
    const patchRevision = (revision: number) =>
      client.setQueryData<{ version: string; revision?: number }>(inEnvironment(place, 'status'), (status) => status && { ...status, revision });
    // A stream breaks off when the server goes and when the session ends; it does not say which.
    const askWhy = async () => {
      try {
        await client.query({ ...sessionQuery, staleTime: 0 });
      } catch (error) {
        if (error instanceof ApiError && error.status === 401) sessionOver();
      }
    };
    setLiveState('connecting');
    const stop = follow(place, {
      event: (event) => {
        waiting.push(event);
        timer ??= setTimeout(paint, paintEvery);
      },
      state: (state) => {
        setLiveState(state);
        if (state === 'reconnecting') void askWhy();
      },
      gap: () => askAgain(client, place),
      near: () => forget('followers'),
    });
    return () => {
      clearTimeout(timer);
      clearTimeout(totals);
      stop();
    };
  }, [client, place]);
}
