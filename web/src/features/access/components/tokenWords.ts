import { nameOf } from '@/features/access/api/members';
import type { Token } from '@/features/access/api/tokens';
import { shortDuration } from '@/lib/time';

/** Whose token it is. */
export function ownerWords(token: Pick<Token, 'serviceToken' | '_member'>): string {
  const owner = token._member && nameOf(token._member);
  if (!token.serviceToken) return owner ?? 'A member whom you may not see';
  return owner === undefined ? 'Service token' : `Service token, made by ${owner}`;
}

/** When it stops working: "in 29 d", "expired", "never". */
export function expiryWords(expiry: number | undefined, now = Date.now()): string {
  if (expiry === undefined) return 'never';
  return expiry <= now ? 'expired' : `in ${shortDuration(expiry - now)}`;
}

const day = 86_400_000;

/** How long a new token can work. */
export const lifetimes = [
  { value: 'never', label: 'Never', ms: undefined },
  { value: '7d', label: 'In 7 days', ms: 7 * day },
  { value: '30d', label: 'In 30 days', ms: 30 * day },
  { value: '90d', label: 'In 90 days', ms: 90 * day },
  { value: '1y', label: 'In a year', ms: 365 * day },
] as const;

/** How long the secret from before works beside a new one. */
export const graces = [
  { value: 'none', label: 'Not at all', ms: 0 },
  { value: '1h', label: 'For an hour', ms: 3_600_000 },
  { value: '1d', label: 'For a day', ms: day },
  { value: '7d', label: 'For 7 days', ms: 7 * day },
] as const;
