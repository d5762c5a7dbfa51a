import { useSyncExternalStore } from 'react';

/** Whether the server answers. */
export interface Reach {
  lost: boolean;
  /** Until when what is shown was fresh; Unix milliseconds. */
  since: number;
  /** When the server is asked again; Unix milliseconds. */
  next: number;
}

const every = 5000;
let reach: Reach = { lost: false, since: Date.now(), next: 0 };
let timer: ReturnType<typeof setTimeout> | undefined;
const listeners = new Set<() => void>();

function set(change: Partial<Reach>) {
  reach = { ...reach, ...change };
  listeners.forEach((listener) => listener());
}

/** The server answered something, if only a refusal. */
export function answeredNow() {
  if (reach.lost) {
    clearTimeout(timer);
    set({ lost: false, since: Date.now() });
  } else {
    reach.since = Date.now();
  }
}

/** A call was not answered: the server is asked again until it does. */
export function unanswered() {
  clearTimeout(timer);
  timer = setTimeout(() => void tryNow(), every);
  set({ lost: true, next: Date.now() + every });
}

/** Asks the server whether it is there. */
export async function tryNow(): Promise<void> {
  try {
    const response = await fetch('/healthz', { cache: 'no-store', signal: AbortSignal.timeout(every) });
    if (response.ok) answeredNow();
    else unanswered();
  } catch {
    unanswered();
  }
}

export function useReach(): Reach {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
      };
    },
    () => reach,
  );
}
