import type { Timeline } from '@/features/segments/api/members';

type Item = Timeline['items'][number];

/** What is said of a context and a segment, and since when it is so. */
export interface Verdict {
  included: boolean;
  /** The sentence in bold. */
  what: 'since' | 'long' | 'removed' | 'never';
  /** The change that made it so; absent when it is older than what is known, or never was. */
  by?: Item;
}

/** Why a context is in or is not, from what is known of its past. */
export function verdictOf(timeline: Timeline): Verdict {
  const last = timeline.items.find((item) => item.change === 'added' || item.change === 'removed');
  if (timeline.included) {
    return last?.change === 'added' ? { included: true, what: 'since', by: last } : { included: true, what: 'long' };
  }
  return last?.change === 'removed' ? { included: false, what: 'removed', by: last } : { included: false, what: 'never' };
}

/** How a run changed a member, in words: "RudderStack removed this key". */
export function changeWords(item: Item, tool: string | undefined): string {
  const added = item.change === 'added';
  switch (item.kind) {
    case 'edit': return added ? 'Somebody added this key by hand' : 'Somebody removed this key by hand';
    case 'rollback':
      if (item.undoes) return added ? 'An undo of a sync brought this key back' : 'An undo of a sync took this key out';
      return added ? 'A rollback brought this key back' : 'A rollback took this key out';
    case 'replace': return added ? `${tool ?? 'A whole list'} sent a whole list with this key` : `${tool ?? 'A whole list'} sent a whole list without this key`;
    case 'import': return added ? 'A list with this key was uploaded' : 'A list without this key was uploaded, or one of keys to remove';
    default: return added ? `${tool ?? 'A sync'} added this key` : `${tool ?? 'A sync'} removed this key`;
  }
}

/** In what two keys differ that look alike. */
export function differenceOf(key: string, near: string): string {
  if (key.trim() === near.trim()) return 'in blanks at its ends only';
  if (key.toLowerCase() === near.toLowerCase()) return 'in capital letters only';
  if (key.normalize('NFC') === near.normalize('NFC')) return 'in its Unicode form only, which no eye can see';
  return 'in capital letters, blanks or Unicode form only';
}
