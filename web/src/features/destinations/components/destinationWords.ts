import type { Follower } from '@/features/destinations/api/followers';
import type { Group } from '@/features/destinations/api/search';
import type { Verification } from '@/features/destinations/api/sinks';
import { counted, digits } from '@/lib/number';
import { shortDuration } from '@/lib/time';

/** A row of the list: one that follows, or muster's own store, which many read. */
export type Destination = { key: 'builtin'; readers: string } | { key: string; follower: Follower };

const groupOf: Record<Follower['kind'], Group | undefined> = { sink: 'sink', relay: 'relay', sdk: 'sdk', stream: 'sdk', poll: 'sdk', redis: undefined };
const order: Group[] = ['sink', 'relay', 'sdk'];

/** Muster's own store, stores, relays, SDKs: each by name, so that nothing moves when one gets further. */
export function destinationsOf(followers: readonly Follower[], only?: Group): Destination[] {
  const named = followers
    .flatMap((follower) => {
      const group = groupOf[follower.kind];
      return group === undefined || (only !== undefined && only !== group) ? [] : [{ follower, group }];
    })
    .sort((a, b) => order.indexOf(a.group) - order.indexOf(b.group) || a.follower.name.localeCompare(b.follower.name) || a.follower._id.localeCompare(b.follower._id));
  const rows: Destination[] = named.map(({ follower }) => ({ key: follower._id, follower }));
  return only === undefined && followers.length > 0 ? [{ key: 'builtin', readers: readersOf(followers) }, ...rows] : rows;
}

/** Who reads muster's own store, in numbers. */
function readersOf(followers: readonly Follower[]): string {
  const count = (kind: Follower['kind']) => followers.filter((follower) => follower.kind === kind).reduce((sum, follower) => sum + follower.count, 0);
  const parts = [
    [count('redis'), 'connection by the Redis protocol', 'connections by the Redis protocol'],
    [count('sdk') + count('poll'), 'server-side SDK', 'server-side SDKs'],
    [count('stream'), 'client-side stream', 'client-side streams'],
  ] as const;
  return parts.filter(([n]) => n > 0).map(([n, one, many]) => counted(n, one, many)).join(', ') || 'Nobody reads it at this moment';
}

export const kindWords: Record<Follower['kind'], string> = {
  sdk: 'Server-side SDK', stream: 'Client-side SDK', relay: 'Relay', poll: 'SDK that polls', redis: 'Redis protocol', sink: 'Store',
};

/** What people call the kinds of stores. */
export const storeWords: Record<string, string> = { redis: 'Redis', dynamodb: 'DynamoDB' };

export function nameOf(follower: Follower): string {
  return follower.name || (follower.kind === 'sink' ? storeWords[follower.version ?? ''] ?? 'Store' : 'Unnamed');
}

/** What is known of one beside its name. */
export function factsOf(follower: Follower): string {
  if (follower.kind === 'sink') {
    const facts = [storeWords[follower.version ?? ''] ?? follower.version ?? '', follower.address ?? ''];
    if (follower.walk) facts.push(`${digits(follower.walk.members)} of ${counted(follower.walk.of, 'member')}`);
    else if (follower.verification) facts.push(comparisonWords(follower.verification));
    return facts.join(' · ');
  }
  const facts = [follower.version ?? '', follower.address ?? ''].filter((fact) => fact !== '');
  if (follower.count > 1) facts.unshift(`${counted(follower.count, 'of them', 'of them')}, shown by the last`);
  return facts.join(' · ');
}

/** How many differences a comparison found. */
export function differencesOf(verification: Verification): number {
  return verification.missing + verification.extra + verification.foreign;
}

/** What came of a comparison, in a few words. */
export function comparisonWords(verification: Verification): string {
  if (!verification.ended) return `comparing, ${digits(verification.checked)} looked at`;
  if (verification.error) return 'comparison ended early';
  const found = differencesOf(verification);
  if (found === 0) return 'compared, no differences';
  return verification.repair ? `compared, ${counted(found, 'difference')} put right` : `compared, ${counted(found, 'difference')}`;
}

/** How far behind one is, as a time. */
export function lagOf(follower: Follower): string {
  if (follower.state === 'off') return '–';
  if (follower.lagRevisions === 0 && follower.state !== 'failed') return '0 s';
  return secondsWords(follower.lagSeconds);
}

export function secondsWords(seconds: number): string {
  return seconds < 1 ? `${seconds.toFixed(1)} s` : shortDuration(seconds * 1000);
}

/** How far a walk through all members is, in percent. */
export function percentOf(walk: { members: number; of: number }): number {
  return walk.of === 0 ? 0 : Math.min(100, Math.floor((walk.members / walk.of) * 100));
}
