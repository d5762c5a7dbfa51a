import type { Segment } from '@/features/segments/api/segments';
import { toolName } from '@/lib/api/tools';

/** Where its members come from. */
export function sourceOf(segment: Segment): string {
  if (segment._external) return toolName(segment._external);
  return segment.unbounded ? 'By hand' : 'Rules and targets';
}

/** How many are in it by key; null for a segment by rules, whose members nobody counts. */
export function membersOf(segment: Segment): number | null {
  if (segment._unboundedMetadata) return segment._unboundedMetadata.includedCount;
  return segment.rules.length > 0 ? null : segment.included.length;
}

/** What people call the tool that syncs it; undefined when none does. */
export function toolOf(segment: Segment | undefined): string | undefined {
  return segment?._external ? toolName(segment._external) : undefined;
}

/** What its freshness is called before anybody was in it. */
export function neverOf(segment: Segment): string {
  return toolOf(segment) === undefined ? 'no members yet' : 'no sync yet';
}

/** The link to the segment in its tool, if it is one that a browser may follow. */
export function linkThere(segment: Segment | undefined): string | undefined {
  const link = segment?._externalLink;
  return link !== undefined && /^https?:\/\//i.test(link) ? link : undefined;
}
