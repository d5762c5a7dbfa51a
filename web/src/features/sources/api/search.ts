import { choice, count, text } from '@/lib/search';

/** What the page that connects a tool shows, as its address says it. */
export interface ConnectSearch {
  /** The context kind of the members, if it is not the usual one. */
  kind?: string;
  /** The id of the token that was made for the tool. Its text is in no address. */
  token?: string;
}

export function connectSearch(search: Record<string, unknown>): ConnectSearch {
  return { kind: text(search.kind), token: text(search.token) };
}

/** What the page of a source shows: a page of its segments, and a dialog. */
export interface SourceSearch {
  page?: number;
  dialog?: 'disconnect' | 'forget';
}

export function sourceSearch(search: Record<string, unknown>): SourceSearch {
  return { page: count(search.page), dialog: choice(search.dialog, ['disconnect', 'forget'] as const) };
}

/** What the page of uploads shows: the segment that is uploaded to, and the import once it runs. */
export interface UploadSearch {
  segment?: string;
  import?: string;
}

export function uploadSearch(search: Record<string, unknown>): UploadSearch {
  const segment = text(search.segment);
  return { segment, import: segment === undefined ? undefined : text(search.import) };
}
