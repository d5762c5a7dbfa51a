import { queryOptions } from '@tanstack/react-query';

import type { Separator } from '@/features/sources/api/csv';
import { api } from '@/lib/api/client';
import { answered } from '@/lib/api/data';
import { inEnvironment } from '@/lib/api/environment';
import { ApiError, readError } from '@/lib/api/error';
import type { components } from '@/lib/api/schema';
import { atPlace, type Place } from '@/lib/place';

export type Segment = components['schemas']['Segment'];
export type Preview = components['schemas']['Preview'];
export type Import = components['schemas']['Import'];
export type Mode = Import['mode'];

/** Which column of a list holds the keys, and what the list does. */
export interface Reading {
  mode: Mode;
  /** Its index or name; empty: muster looks for it. */
  column: string;
  /** Whether the first row names the columns; undefined for what is no table. */
  header?: boolean;
  /** What stands between the columns; undefined for what is no table. */
  separator?: Separator;
  /** Into a segment whose members belong to a tool. */
  override: boolean;
}

export function segmentQuery(place: Place, segment: string) {
  return queryOptions({
    queryKey: inEnvironment(place, 'segment', segment, 'upload'),
    queryFn: async ({ signal }) =>
      answered(await api.GET('/api/v2/segments/{projectKey}/{environmentKey}/{segmentKey}', { params: { path: { ...atPlace(place), segmentKey: segment } }, signal })),
  });
}

/** The flags whose rules name the segment. */
export function segmentFlagsQuery(place: Place, segment: string) {
  return queryOptions({
    queryKey: inEnvironment(place, 'flags', 'of', segment),
    queryFn: async ({ signal }) =>
      answered(await api.GET('/api/v2/segments/{projectKey}/{environmentKey}/{segmentKey}/flags', {
        params: { path: { ...atPlace(place), segmentKey: segment } }, signal,
      })).items,
  });
}

/** An import; live runs tell when to ask again. */
export function importQuery(place: Place, segment: string, id: string) {
  return queryOptions({
    queryKey: inEnvironment(place, 'runs', 'import', segment, id),
    queryFn: async ({ signal }) =>
      answered(await api.GET('/api/v2/segments/{projectKey}/{environmentKey}/{segmentKey}/imports/{importId}', {
        params: { path: { ...atPlace(place), segmentKey: segment, importId: id } }, signal,
      })),
  });
}

/** Where the rows that an import left out are. */
export function rejectsHref(place: Place, segment: string, run: string): string {
  return `/api/v2/segments/${[place.project, place.environment, segment].map(encodeURIComponent).join('/')}/runs/${encodeURIComponent(run)}/rejects`;
}

export type Form = 'csv' | 'ndjson' | 'json';

/** What a file holds, by its name, and how it is compressed. */
export function formOf(name: string): { form: Form; encoding?: 'gzip' | 'zstd' } {
  const encoding = /\.gz$/i.test(name) ? 'gzip' : /\.zst$/i.test(name) ? 'zstd' : undefined;
  const bare = name.replace(/\.(gz|zst)$/i, '');
  const form = /\.(ndjson|jsonl)$/i.test(bare) ? 'ndjson' : /\.json$/i.test(bare) ? 'json' : 'csv';
  return encoding === undefined ? { form } : { form, encoding };
}

const types: Record<Form, string> = { csv: 'text/csv', ndjson: 'application/x-ndjson', json: 'application/json' };

interface Sending {
  file: File;
  reading: Reading;
  /** What is done with it. */
  to: 'import' | 'dryRun' | 'diff';
  /** Called with the bytes sent so far. */
  onSent: (bytes: number) => void;
  signal: AbortSignal;
}

/** Sends a list; only this kind of request tells how far it is. */
function send(place: Place, segment: string, { file, reading, to, onSent, signal }: Sending): Promise<Response> {
  const { form, encoding } = formOf(file.name);
  const query = new URLSearchParams({ mode: reading.mode });
  if (to === 'dryRun') query.set('dryRun', 'true');
  if (reading.column !== '') query.set('column', reading.column);
  if (reading.header !== undefined) query.set('header', String(reading.header));
  if (reading.separator !== undefined) query.set('separator', reading.separator);
  if (reading.override) query.set('override', 'true');
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open('POST', `/api/v2/segments/${[place.project, place.environment, segment].map(encodeURIComponent).join('/')}/imports${to === 'diff' ? '/diff/file' : ''}?${query.toString()}`);
    request.responseType = 'blob'; // a difference may be larger than what fits into memory
    request.setRequestHeader('Content-Type', types[form]);
    request.setRequestHeader('X-Requested-With', 'muster');
    if (encoding) request.setRequestHeader('Content-Encoding', encoding);
    let whole = false;
    request.upload.onload = () => {
      whole = true;
    };
    request.upload.onprogress = (event) => onSent(event.loaded);
    request.onload = () => {
      const location = request.getResponseHeader('Location');
      const empty = request.status === 204;
      resolve(new Response(empty ? null : (request.response as Blob), { status: request.status, headers: location === null ? {} : { Location: location } }));
    };
    request.onerror = () => reject(new ApiError(0, 'unreachable', whole
      ? 'The answer broke off. Try again.'
      : `The file could not be sent. If it was moved or changed, choose ${file.name} again to go on.`));
    request.onabort = () => reject(new DOMException('The upload was stopped.', 'AbortError'));
    signal.addEventListener('abort', () => request.abort());
    request.send(file);
  });
}

/** What a list would change. */
export async function preview(place: Place, segment: string, sending: Omit<Sending, 'to'>): Promise<Preview> {
  const response = await send(place, segment, { ...sending, to: 'dryRun' });
  if (!response.ok) throw await readError(response);
  return (await response.json()) as Preview;
}

/** All that a list would change, context by context. It is sent once more: nothing was kept of it. */
export async function changesOf(place: Place, segment: string, sending: Omit<Sending, 'to'>): Promise<Blob> {
  const response = await send(place, segment, { ...sending, to: 'diff' });
  if (!response.ok) throw await readError(response);
  return response.blob();
}

/** Imports a list and returns the id of the import: from then on it is the server's work. */
export async function importList(place: Place, segment: string, sending: Omit<Sending, 'to'>): Promise<string> {
  const response = await send(place, segment, { ...sending, to: 'import' });
  if (!response.ok) throw await readError(response);
  const id = response.headers.get('Location')?.split('/').at(-1);
  if (id === undefined) throw new ApiError(response.status, 'unknown', 'The server took the list and did not say where its import is.');
  return id;
}
