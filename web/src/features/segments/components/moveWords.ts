import type { Move } from '@/features/segments/api/segment';

/** The stages of a move in their order. */
export const moveStages = [
  { state: 'filling', name: 'Filling', what: 'relays and stores take all members' },
  { state: 'waiting', name: 'Waiting', what: 'until no SDK holds older answers' },
  { state: 'switched', name: 'Switched', what: 'the generation before goes soon' },
] as const satisfies readonly { state: Move['state']; name: string; what: string }[];

const list = new Intl.ListFormat('en-GB', { type: 'conjunction' });

/** What a move is at, as a sentence. */
export function moveWords({ state, to, waitsFor = [] }: Pick<Move, 'state' | 'to' | 'waitsFor'>): string {
  switch (state) {
    case 'filling':
      return `${waitsFor.length === 0 ? 'Relays and stores take' : `It waits until ${list.format(waitsFor)} ${waitsFor.length === 1 ? 'has' : 'have'} taken`} all members under generation ${to}.`;
    case 'waiting':
      return `Everybody who was waited for has all members under generation ${to}. SDKs are told as soon as none of them holds older answers.`;
    case 'switched':
      return `SDKs ask for generation ${to}. The one before is removed as soon as none can ask for it any more.`;
  }
}

/** Who was not waited for and what that means; undefined if nobody. */
export function leftOutWords(leftOut: readonly string[] = []): string | undefined {
  if (leftOut.length === 0) return undefined;
  const names = list.format(leftOut);
  return leftOut.length === 1
    ? `${names} took in nothing and was not waited for: its SDKs may miss members until it has caught up.`
    : `${names} took in nothing and were not waited for: their SDKs may miss members until they have caught up.`;
}
