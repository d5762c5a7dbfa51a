import { ranges, type Range } from '@/features/segments/api/segment';
import { choice, count, text } from '@/lib/search';

export const segmentStates = ['live', 'syncing', 'held', 'stale', 'failed'] as const;
export const segmentSorts = ['name', '-name', 'members', '-members'] as const;

/** What of the list is shown, as its address says it. */
export interface SegmentsSearch {
  q?: string;
  state?: (typeof segmentStates)[number];
  tool?: string;
  tag?: string;
  sort?: (typeof segmentSorts)[number];
  page?: number;
}

export function segmentsSearch(search: Record<string, unknown>): SegmentsSearch {
  return {
    q: text(search.q), state: choice(search.state, segmentStates), tool: text(search.tool), tag: text(search.tag),
    sort: choice(search.sort, segmentSorts), page: count(search.page),
  };
}

export const newSegmentWays = ['hand', 'list'] as const;

/** How the members of a segment come that a person makes: typed in, or as a list to upload. */
export type NewSegmentWay = (typeof newSegmentWays)[number];

/** Which page of the flags that use a segment is shown. */
export function usesSearch(search: Record<string, unknown>): { page?: number } {
  return { page: count(search.page) };
}

/** What of the list is shown behind the dialog that makes a segment, and how far the dialog is. */
export interface NewSegmentSearch extends SegmentsSearch {
  by?: NewSegmentWay;
}

export function newSegmentSearch(search: Record<string, unknown>): NewSegmentSearch {
  return { ...segmentsSearch(search), by: choice(search.by, newSegmentWays) };
}

/** Over which time the Overview shows sizes; 7 days unless the address says so. */
export interface OverviewSearch {
  range?: Range;
}

export function overviewSearch(search: Record<string, unknown>): OverviewSearch {
  return { range: choice(search.range, ranges) };
}
