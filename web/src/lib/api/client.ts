import createClient, { type Middleware } from 'openapi-fetch';

import { ApiError, readError } from '@/lib/api/error';
import { answeredNow, unanswered } from '@/lib/api/reach';
import type { paths } from '@/lib/api/schema';
import { positions } from '@/lib/live/position';

/** Who is told that the session is over; the shell asks people to sign in again. */
export type SessionListener = () => void;
const sessionListeners = new Set<SessionListener>();

/** Calls the listener whenever an answer says that nobody is signed in. Returns how to stop that. */
export function onSessionOver(listener: SessionListener): () => void {
  sessionListeners.add(listener);
  return () => {
    sessionListeners.delete(listener);
  };
}

/** Says that the session is over. */
export function sessionOver() {
  sessionListeners.forEach((listener) => listener());
}

const failures: Middleware = {
  async onResponse({ response }) {
    answeredNow();
    const position = response.headers.get('X-Muster-Activity');
    if (position !== null) positions.answered(Number(position));
    if (response.ok) return undefined;
    if (response.status === 401) sessionOver();
    throw await readError(response);
  },
  onError({ error }) {
    if (error instanceof DOMException && error.name === 'AbortError') return error;
    unanswered();
    return new ApiError(0, 'unreachable', 'The server cannot be reached.');
  },
};

/**
 * The management API, typed by the server's own description of it. A call that is not answered with
 * 2xx throws an ApiError, so that `data` is what the server sent.
 */
export const api = createClient<paths>({
  baseUrl: window.location.origin,
  credentials: 'same-origin',
  // No other site can make a browser send this, which is what the server wants beside the cookie.
  headers: { 'X-Requested-With': 'muster', 'LD-API-Version': 'beta' },
  fetch: (request: Request) => globalThis.fetch(request),
});
api.use(failures);
