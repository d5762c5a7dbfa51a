import { useSyncExternalStore } from 'react';

// Whether keys without Ctrl do anything: who dictates text may want them off.
const stored = 'muster-single-keys';
const listeners = new Set<() => void>();
let single = read();

function read(): boolean {
  try {
    return localStorage.getItem(stored) !== 'off';
  } catch {
    return true;
  }
}

/** Whether keys without Ctrl do anything at this moment. */
export function singleKeys(): boolean {
  return single;
}

export function useSingleKeys(): [boolean, (on: boolean) => void] {
  const on = useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
      };
    },
    singleKeys,
  );
  return [on, setSingleKeys];
}

function setSingleKeys(on: boolean) {
  single = on;
  try {
    localStorage.setItem(stored, on ? 'on' : 'off');
  } catch {
    // Then it holds until the page is loaded again.
  }
  listeners.forEach((listener) => listener());
}
