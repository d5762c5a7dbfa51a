import type { Details } from '@/features/segments/api/segment';

const words: Record<keyof Details, string> = { name: 'the name', description: 'the description', tags: 'the tags' };

/** What a detail is by now, as a sentence. */
export function detailWords(name: keyof Details, details: Details): string {
  switch (name) {
    case 'name': return `Name is now “${details.name}”.`;
    case 'description': return `Description is now “${details.description}”.`;
    case 'tags': return `Tags are now ${details.tags.join(', ') || 'none'}.`;
  }
}

/** What was saved, and that it stays. */
export function savedWords(changed: readonly (keyof Details)[], tool: string | undefined): string {
  if (tool === undefined || changed.length === 0) return 'Saved.';
  const list = changed.map((name) => words[name]);
  const last = list.at(-1) ?? '';
  const text = list.length === 1 ? last : `${list.slice(0, -1).join(', ')} and ${last}`;
  return `Saved. Later syncs will leave ${text} alone.`;
}
