/** Where in the text of a policy the caret is, and what can stand there. */
export interface Place {
  what: 'action' | 'resource' | 'effect' | 'member';
  /** The text in the quotes around the caret: from and to exclude them. */
  from: number;
  to: number;
  /** What stands before the caret in the quotes. */
  typed: string;
}

const listKinds: Partial<Record<string, Place['what']>> = { actions: 'action', notActions: 'action', resources: 'resource', notResources: 'resource' };

/** Finds the quoted text at the caret; undefined if the caret is in none that can be completed. */
export function placeAt(text: string, caret: number): Place | undefined {
  const open: { bracket: string; name?: string }[] = [];
  let name: string | undefined;
  let afterColon = false;
  for (let at = 0; at < caret; at++) {
    const c = text.charAt(at);
    if (c === '[' || c === '{') {
      open.push({ bracket: c, name: afterColon ? name : undefined });
      afterColon = false;
    } else if (c === ']' || c === '}') {
      open.pop();
      afterColon = false;
    } else if (c === ':') {
      afterColon = true;
    } else if (c === ',') {
      afterColon = false;
    } else if (c === '"') {
      const end = endOfText(text, at + 1);
      if (end >= caret) return placeIn(open.at(-1), afterColon ? name : undefined, { from: at + 1, to: end, typed: text.slice(at + 1, caret) });
      if (!afterColon) name = text.slice(at + 1, end);
      at = end;
    }
  }
  return undefined;
}

/** Where a quoted text ends: at its quote, or with its line while it has none. */
function endOfText(text: string, from: number): number {
  for (let at = from; at < text.length; at++) {
    const c = text.charAt(at);
    if (c === '\\') at++;
    else if (c === '"' || c === '\n') return at;
  }
  return text.length;
}

function placeIn(inside: { bracket: string; name?: string } | undefined, member: string | undefined, at: Omit<Place, 'what'>): Place | undefined {
  if (inside?.bracket === '{') {
    if (member === undefined) return { what: 'member', ...at };
    return member === 'effect' ? { what: 'effect', ...at } : undefined;
  }
  const what = inside?.name === undefined ? undefined : listKinds[inside.name];
  return what && { what, ...at };
}

const shown = 50;

/** The candidates that fit what was typed, those that begin so first. Nothing is offered when only the typed text itself is left. */
export function matches(candidates: readonly string[], typed: string): string[] {
  const sought = typed.toLowerCase();
  const begin = candidates.filter((one) => one.toLowerCase().startsWith(sought));
  const contain = candidates.filter((one) => !one.toLowerCase().startsWith(sought) && one.toLowerCase().includes(sought));
  const fitting = [...begin, ...contain].slice(0, shown);
  return fitting.length === 1 && fitting[0] === typed ? [] : fitting;
}
