import { queryOptions } from '@tanstack/react-query';

import { ApiError, readError } from '@/lib/api/error';

/** What the server says of itself to who operates it. */
export interface Status {
  status: string;
  version: string;
  startedAt: number;
  store: string;
  disk?: { freeBytes: number; sizeBytes: number; reserveBytes: number };
}

async function read<T>(path: string, signal: AbortSignal): Promise<T> {
  const response = await fetch(path, { signal });
  if (!response.ok) throw await readError(response);
  if (!response.headers.get('Content-Type')?.includes('json')) throw new ApiError(404, 'not_found', 'this build of muster does not have it');
  return (await response.json()) as T;
}

export const statusQuery = queryOptions({ queryKey: ['status'], queryFn: ({ signal }) => read<Status>('/status', signal), staleTime: 0 });

/** A package that the binary holds, and by which licence. */
export interface Package {
  name: string;
  version: string;
  licence: string;
  /** What it is part of. */
  in: 'server' | 'pages';
}

/** The packages that are in this build; it lists them while it is made. */
export const packagesQuery = queryOptions({
  queryKey: ['packages'],
  queryFn: async ({ signal }) => (await read<{ packages: Package[] }>('/ui/licences.json', signal)).packages,
  staleTime: Infinity,
});
