import { queryOptions, type QueryClient } from '@tanstack/react-query';

import { ApiError, readError } from '@/lib/api/error';
import { answeredNow, unanswered } from '@/lib/api/reach';

export interface Session {
  /** Absent for a service token whose creator is gone. */
  member?: { _id: string; email: string; firstName?: string; lastName?: string; role: string };
  /** The token that was signed in with; absent when it was a password. */
  token?: { _id: string; name?: string };
  expiresAt?: number;
}

export type Credentials = { token: string } | { email: string; password: string };

export interface Owner {
  name: string;
  email: string;
  password: string;
  /** The set-up code that the server wrote into its log. */
  code: string;
}

async function call(method: string, path: string, body?: unknown): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(`/api/v2/${path}`, {
      method,
      headers: { 'X-Requested-With': 'muster', ...(body === undefined ? {} : { 'Content-Type': 'application/json' }) },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch {
    unanswered();
    throw new ApiError(0, 'unreachable', 'The server cannot be reached.');
  }
  answeredNow();
  if (!response.ok) throw await readError(response);
  return response;
}

/** Who is signed in; fails with status 401 when nobody is. */
export const sessionQuery = queryOptions({
  queryKey: ['session'],
  queryFn: async () => (await (await call('GET', 'session')).json()) as Session,
  staleTime: Infinity,
});

/** Whether the server still waits for its first account member. */
export const firstRunQuery = queryOptions({
  queryKey: ['first-run'],
  queryFn: async () => (await (await call('GET', 'first-run')).json()) as { open: boolean },
});

export async function signIn(credentials: Credentials): Promise<void> {
  await call('POST', 'session', credentials);
}

/** Makes the owner of a server that has nobody yet, and signs them in. */
export async function createOwner(owner: Owner): Promise<void> {
  await call('POST', 'first-run', owner);
}

/** Ends the session and forgets everything that it showed. */
export async function signOut(client: QueryClient): Promise<void> {
  await call('DELETE', 'session');
  client.clear();
}
