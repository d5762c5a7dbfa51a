import { useMutation } from '@tanstack/react-query';
import { useState } from 'react';

import { changedParts } from '@/lib/changed';

interface Saving<Details, Saved> {
  /** Saves what differs, each detail only over what it was before. */
  save: (before: Details, after: Details) => Promise<Saved>;
  /** Whether nothing was saved because somebody else changed one of them first. */
  isOvertaken: (error: Error) => boolean;
  /** Keeps what was saved, so that it is the present from now on. */
  onSaved: (saved: Saved, changes: readonly (keyof Details)[]) => void;
  /** Asks for the present again, and is done when it is there: who is told of it may save over it at once. */
  onOvertaken: () => Promise<void>;
}

/**
 * The details of an object while a person edits them. What nobody edits is shown as it comes; edits are saved over
 * what they were when the first of them began and, once somebody else was faster, over what they are by now.
 */
export function useDetails<Details extends object, Saved>(present: Details, { save, isOvertaken, onSaved, onOvertaken }: Saving<Details, Saved>) {
  const [base, setBase] = useState(present);
  const [edits, setEdits] = useState<Partial<Details>>({});
  const changes = changedParts(base, { ...base, ...edits });
  const free = changes.length === 0;
  const own = Object.fromEntries(changes.map((name) => [name, edits[name]])) as Partial<Details>;
  const saving = useMutation({
    mutationFn: ({ before, own }: { before: Details; own: Partial<Details> }) => save(before, { ...before, ...own }),
    onSuccess: (saved, { own }) => {
      onSaved(saved, Object.keys(own) as (keyof Details)[]);
      // What was edited while it was saved is an edit still, of what is there now.
      setBase((before) => ({ ...before, ...own }));
      setEdits((since) => Object.fromEntries(Object.entries(since).filter(([name, value]) => value !== own[name as keyof Details])) as Partial<Details>);
    },
    onError: async (error) => {
      if (isOvertaken(error)) await onOvertaken();
    },
  });
  const overtaken = saving.error !== null && isOvertaken(saving.error);
  return {
    edited: free ? present : { ...base, ...edits },
    changes,
    busy: saving.isPending,
    error: saving.error,
    /** What others have changed since the edits began, once a save met it. */
    theirs: overtaken ? changedParts(base, present) : [],
    overtaken,
    edit: (change: Partial<Details>) => {
      if (!saving.isPending) saving.reset();
      if (free) setBase(present);
      setEdits(free ? change : { ...edits, ...change });
    },
    discard: () => {
      saving.reset();
      setEdits({});
    },
    submit: () => {
      if (!free) saving.mutate({ before: overtaken ? present : base, own });
    },
  };
}

/** What `useDetails` returns. */
export type EditedDetails<Details extends object> = ReturnType<typeof useDetails<Details, unknown>>;
