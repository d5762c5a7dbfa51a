import { queryOptions } from '@tanstack/react-query';

import { api } from '@/lib/api/client';
import { answered } from '@/lib/api/data';
import { inEnvironment } from '@/lib/api/environment';
import { atPlace, type Place } from '@/lib/place';

/** Something that the palette leads to or does. */
export interface Entry {
  id: string;
  label: string;
  /** At the right: what it is. */
  kind: string;
  /** The address it leads to, below /ui. */
  href?: string;
  run?: () => void;
}

/** What the server finds in an environment: segments and flags, the best first. */
export function foundQuery(place: Place, words: string) {
  return queryOptions({
    queryKey: inEnvironment(place, 'search', words),
    queryFn: async ({ signal }) =>
      answered(await api.GET('/api/v2/projects/{projectKey}/environments/{environmentKey}/search', {
        params: { path: atPlace(place), query: { q: words, limit: 8 } }, signal,
      })),
  });
}

const stored = 'muster-recent';
const kept = 5;

/** What was chosen last, the newest first. */
export function recentEntries(): Entry[] {
  try {
    const entries: unknown = JSON.parse(localStorage.getItem(stored) ?? '[]');
    return Array.isArray(entries) ? entries.filter(isEntry).slice(0, kept) : [];
  } catch {
    return [];
  }
}

export function rememberEntry({ id, label, kind, href }: Entry) {
  if (href === undefined) return;
  try {
    localStorage.setItem(stored, JSON.stringify([{ id, label, kind, href }, ...recentEntries().filter((one) => one.href !== href)].slice(0, kept)));
  } catch {
    // Then nothing is recent.
  }
}

function isEntry(value: unknown): value is Entry {
  if (typeof value !== 'object' || value === null) return false;
  const entry = value as Partial<Record<string, unknown>>;
  // Addresses of pages only: what stands in the browser's store is not to be trusted with more.
  return typeof entry.id === 'string' && typeof entry.label === 'string' && typeof entry.kind === 'string'
    && typeof entry.href === 'string' && /^\/ui\/(?!\/)/.test(entry.href);
}

/** Puts entries that begin with the words before those that only contain them; others are left out. */
export function matching(entries: readonly Entry[], words: string): Entry[] {
  const sought = words.toLowerCase();
  return entries
    .filter((entry) => entry.label.toLowerCase().includes(sought))
    .sort((a, b) => Number(b.label.toLowerCase().startsWith(sought)) - Number(a.label.toLowerCase().startsWith(sought)));
}
