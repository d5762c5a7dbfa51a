import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';

import { atSegment, ofSegment, type SegmentPlace } from '@/features/segments/api/segment';
import { api } from '@/lib/api/client';
import { answered } from '@/lib/api/data';
import type { components } from '@/lib/api/schema';
import { atPlace, type Place } from '@/lib/place';
import { text } from '@/lib/search';

type Schemas = components['schemas'];
export type Timeline = Schemas['Timeline'];
export type Member = Schemas['SegmentMember'];

/** Which members are shown, and about which context the drawer is, as the address says it. */
export interface MembersSearch {
  prefix?: string;
  context?: string;
}

export function membersSearch(search: Record<string, unknown>): MembersSearch {
  return { prefix: text(search.prefix), context: text(search.context) };
}

/** The members whose key begins with prefix, a page at a time, all of one moment. */
export function membersQuery(at: SegmentPlace, prefix: string | undefined) {
  return infiniteQueryOptions({
    queryKey: ofSegment(at, 'members', prefix),
    queryFn: async ({ signal, pageParam }) =>
      answered(await api.GET('/api/v2/segments/{projectKey}/{environmentKey}/{segmentKey}/members', {
        params: { path: atSegment(at), query: { limit: 50, prefix, after: pageParam } }, signal,
      })),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => cursorOf(page._links.next?.href),
  });
}

/** The cursor in the link to the next page. */
export function cursorOf(href: string | undefined): string | undefined {
  if (href === undefined) return undefined;
  return new URL(href, 'http://muster.invalid').searchParams.get('after') ?? undefined;
}

/** When a context joined and left, newest first. */
export function timelineQuery(at: SegmentPlace, contextKey: string) {
  return queryOptions({
    queryKey: ofSegment(at, 'member', contextKey),
    queryFn: async ({ signal }): Promise<Timeline> =>
      answered(await api.GET('/api/v2/segments/{projectKey}/{environmentKey}/{segmentKey}/members/{contextKey}/timeline', {
        params: { path: { ...atSegment(at), contextKey } }, signal,
      })),
  });
}

/** In how many segments a context is. */
export function contextSegmentsQuery(place: Place, contextKind: string, contextKey: string) {
  return queryOptions({
    queryKey: [...ofSegment({ ...place, segment: '' }, 'context'), contextKind, contextKey],
    queryFn: async ({ signal }) =>
      answered(await api.GET('/api/v2/projects/{projectKey}/environments/{environmentKey}/contexts/{contextKind}/{contextKey}/segments', {
        params: { path: { ...atPlace(place), contextKind, contextKey } }, signal,
      })),
  });
}

/** Adds and removes members by hand. A list of any size goes as an import; a few go in one change. */
export async function addMembers(at: SegmentPlace, keys: readonly string[]): Promise<void> {
  await changeMembers(at, { included: { add: [...keys] } });
}

export async function removeMembers(at: SegmentPlace, keys: readonly string[]): Promise<void> {
  await changeMembers(at, { included: { remove: [...keys] } });
}

async function changeMembers(at: SegmentPlace, body: Schemas['MemberChange']): Promise<void> {
  await api.POST('/api/v2/segments/{projectKey}/{environmentKey}/{segmentKey}/contexts', { params: { path: atSegment(at) }, body });
}

/** The keys in a text, one a line, each once. Blanks inside a key count, those at the ends of a line do not. */
export function keysIn(list: string): string[] {
  return [...new Set(list.split(/\r\n|\r|\n/).map((line) => line.trim()).filter((line) => line !== ''))];
}

export type ExportFormat = 'csv' | 'ndjson';

/** Has the server write a file of all members; the answer is the id of the export. */
export async function startExport(at: SegmentPlace, format: ExportFormat): Promise<string> {
  const { response } = await api.POST('/api/v2/segments/{projectKey}/{environmentKey}/{segmentKey}/exports', {
    params: { path: atSegment(at), query: { format } },
  });
  const id = response.headers.get('Location')?.split('/').at(-1);
  if (!id) throw new Error('the server did not say where the export is');
  return id;
}

/** An export; the activity stream tells when to ask again. */
export function exportQuery(at: SegmentPlace, exportId: string) {
  return queryOptions({
    queryKey: ofSegment(at, 'export', exportId),
    queryFn: async ({ signal }) =>
      answered(await api.GET('/api/v2/segments/{projectKey}/{environmentKey}/{segmentKey}/exports/{exportId}', {
        params: { path: { ...atSegment(at), exportId } }, signal,
      })),
  });
}
