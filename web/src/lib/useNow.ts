import { useSyncExternalStore } from 'react';

// One ticker for every age on the page: it runs while something listens and nobody looks away.
let now = Date.now();
let timer: ReturnType<typeof setInterval> | undefined;
const listeners = new Set<() => void>();

function tick() {
  if (document.hidden) return;
  now = Date.now();
  listeners.forEach((listener) => listener());
}

function subscribe(listener: () => void) {
  listeners.add(listener);
  if (timer === undefined) {
    now = Date.now();
    timer = setInterval(tick, 1000);
    document.addEventListener('visibilitychange', tick);
  }
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0) {
      clearInterval(timer);
      timer = undefined;
      document.removeEventListener('visibilitychange', tick);
    }
  };
}

/**
 * The age of a moment in milliseconds, in steps that show: seconds under a minute, minutes after that,
 * so that old ages do not make anything paint each second.
 */
export function useAge(at: number): number {
  return useSyncExternalStore(subscribe, () => {
    const age = Math.max(0, now - at);
    const step = age < 60_000 ? 1000 : 60_000;
    return Math.floor(age / step) * step;
  });
}

/** The present moment, once a second. */
export function useNow(): number {
  return useSyncExternalStore(subscribe, () => now);
}
