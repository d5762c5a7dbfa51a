import { useCallback, useState } from 'react';

import { rebased } from '@/features/flags/api/rebase';
import { gone, renumbered, same, type Targeting } from '@/features/flags/api/targeting';

/** A targeting that is being edited, beside the one that is saved. */
export interface EditedTargeting {
  /** The variations that they name by their places. */
  ids: readonly string[];
  saved: Targeting;
  edited: Targeting;
  /** What was saved before somebody else saved something while it was edited here. */
  overtaken: Targeting | undefined;
  /** Changes parts of it; the same function for as long as the page is open. */
  edit: (change: (now: Targeting) => Partial<Targeting>) => void;
  discard: () => void;
  /** What was edited has been saved, as this, of a flag with these variations. */
  settle: (saved: Targeting, ids: readonly string[]) => void;
}

type State = Pick<EditedTargeting, 'ids' | 'saved' | 'edited' | 'overtaken'>;

/**
 * Keeps the edits of a targeting. While nothing is edited it follows what is saved; what others save
 * while something is edited comes under the edits. While the edits are being saved they stay as they are.
 */
export function useTargeting(present: Targeting, ids: readonly string[], saving: boolean): EditedTargeting {
  const [kept, setState] = useState<State>({ ids, saved: present, edited: present, overtaken: undefined });
  const stays = saving || (same(kept.saved, present) && same(kept.ids, ids));
  const state = stays ? kept : followed(kept, present, ids);
  if (!stays) setState(state);
  const edit = useCallback((change: (now: Targeting) => Partial<Targeting>) => setState((now) => ({ ...now, edited: { ...now.edited, ...change(now.edited) } })), []);
  const settle = (saved: Targeting, now: readonly string[]) => setState({ ids: now, saved, edited: saved, overtaken: undefined });
  return {
    ...state,
    edit,
    discard: () => settle(present, ids),
    settle,
  };
}

/** The edits on top of what is saved now, of a flag that has these variations now. */
function followed({ ids: before, saved, edited, overtaken }: State, present: Targeting, ids: readonly string[]): State {
  if (same(saved, edited)) return { ids, saved: present, edited: present, overtaken: undefined };
  const placeOf = (variation: number) => {
    const id = before[variation];
    return id === undefined ? gone : ids.indexOf(id);
  };
  const [was, mine] = [renumbered(saved, placeOf), renumbered(edited, placeOf)];
  const first = overtaken && renumbered(overtaken, placeOf);
  if (same(was, present)) return { ids, saved: present, edited: mine, overtaken: first };
  return { ids, saved: present, edited: rebased(was, mine, present), overtaken: first ?? was };
}
