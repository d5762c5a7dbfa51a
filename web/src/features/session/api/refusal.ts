import { ApiError } from '@/lib/api/error';
import { sentence } from '@/lib/sentence';

/** What people are told when they could not sign in: what happened, and what to do. */
export interface Refusal {
  title: string;
  help?: string;
}

/** What is wrong with a token that the server need not be asked about. */
export function refusedToken(token: string): Refusal | undefined {
  if (/^(sdk|mob)-/.test(token)) return { title: 'SDK keys cannot sign in.', help: 'Use an access token: it begins with api-.' };
  return undefined;
}

export function refusalOf(error: unknown, kind: 'token' | 'password'): Refusal {
  if (!(error instanceof ApiError)) return { title: 'The server answered with something that this page does not know.' };
  switch (error.status) {
    case 0:
      return { title: 'The server cannot be reached.', help: 'Check that muster runs and that this address is still the right one.' };
    case 401:
      if (/expired/i.test(error.message)) return { title: sentence(error.message) };
      return kind === 'token'
        ? { title: 'That token is not known here.', help: 'Tokens begin with api-. The first one is in the server’s start-up output.' }
        : { title: 'That email and password do not belong together.', help: 'An admin can set a new password.' };
    case 429:
      return { title: `Too many tries. Wait ${error.retryAfter ?? 30} s.` };
    default:
      return { title: sentence(error.message) };
  }
}
