import { useEffect, useEffectEvent, useSyncExternalStore } from 'react';

import type { LiveEvent, LiveEvents, LiveState } from '@/lib/live/events';

// One environment is followed at a time: the shell tells here what it hears, pages listen.
const listeners = new Set<(event: LiveEvent) => void>();
const stateListeners = new Set<() => void>();
let state: LiveState = 'connecting';

/** Passes an event to the pages that listen. For the shell. */
export function tellLive(event: LiveEvent) {
  listeners.forEach((listener) => listener(event));
}

/** Says how the connection is. For the shell. */
export function setLiveState(next: LiveState) {
  state = next;
  stateListeners.forEach((listener) => listener());
}

/** Calls listen with each event of a name while the component is shown. */
export function useLive<Name extends keyof LiveEvents>(name: Name, listen: (data: LiveEvents[Name]) => void) {
  const hear = useEffectEvent(listen);
  useEffect(() => {
    const listener = (event: LiveEvent) => {
      if (event.name === name) hear(event.data as LiveEvents[Name]);
    };
    listeners.add(listener);
    return () => {
      listeners.delete(listener);
    };
  }, [name]);
}

export function useLiveState(): LiveState {
  return useSyncExternalStore(
    (listener) => {
      stateListeners.add(listener);
      return () => {
        stateListeners.delete(listener);
      };
    },
    () => state,
  );
}
