import { Select } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';

import { Note } from '@/components/Note';
import { Panel } from '@/components/Panel';
import { SaveBar } from '@/components/SaveBar';
import { flagQuery, instructFlag, ofFlag, type FlagPlace } from '@/features/flags/api/flag';
import type { Flag } from '@/features/flags/api/flags';
import { useRefusal } from '@/features/flags/api/permission';
import { draftOf, editsSince, kindOf, moved, problemsOf, usesOf, variationInstructions, type VariationDraft, type VariationsDraft } from '@/features/flags/api/variations';
import { isOvertaken } from '@/features/flags/components/detailWords';
import { VariationList } from '@/features/flags/components/VariationList';
import classes from '@/features/flags/components/Variations.module.css';
import { inEnvironment } from '@/lib/api/environment';
import { sentence } from '@/lib/sentence';
import { toast } from '@/lib/toast';

/** What a flag can serve, and what new environments begin with. */
export function VariationsPanel({ at, flag }: { at: FlagPlace; flag: Flag }) {
  const client = useQueryClient();
  const [base, setBase] = useState(flag);
  const [draft, setDraft] = useState(() => draftOf(flag));
  const [tried, setTried] = useState(false);
  const refused = useRefusal(at, 'updateFlagVariations');
  const refusedDefaults = useRefusal(at, 'updateFlagDefaultVariations');
  const kind = kindOf(base);
  const instructions = variationInstructions(base, draft);
  const begin = (from: Flag) => {
    setBase(from);
    setDraft(draftOf(from));
    setTried(false);
  };
  const save = useMutation({
    mutationFn: ({ before, sent }: { before: Flag; sent: VariationsDraft }) => instructFlag(at, variationInstructions(before, sent), { version: before._version }),
    onSuccess: (saved, { sent }) => {
      client.setQueryData(flagQuery(at).queryKey, saved);
      setBase(saved);
      setDraft((since) => editsSince(since, sent, saved));
      setTried(false);
      toast('Saved. SDKs serve the new values within moments.');
      void client.invalidateQueries({ queryKey: ofFlag(at, 'history') });
      void client.invalidateQueries({ queryKey: inEnvironment(at, 'flags') });
    },
    onError: async (error, { before }) => {
      if (!isOvertaken(error)) return;
      const now = await client.query({ ...flagQuery(at), staleTime: 0 });
      setBase(now);
      setDraft((since) => moved(since, draftOf(before), draftOf(now)));
    },
  });
  // Somebody else may change what nobody edits here: it is shown as it comes.
  if (instructions.length === 0 && base !== flag && !save.isPending) begin(flag);
  const edit = (change: Partial<VariationsDraft>) => {
    if (!save.isPending) save.reset();
    setDraft({ ...draft, ...change });
  };
  const submit = () => {
    setTried(true);
    if (instructions.length > 0 && Object.keys(problemsOf(kind, draft.list)).length === 0) save.mutate({ before: base, sent: draft });
  };
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      <Panel title="Variations">
        <VariationList
          kind={kind} list={draft.list} strict={tried} refused={refused} onChange={(list) => edit({ list })}
          usesOf={(id) => usesOf(base, base.variations.findIndex((one) => one._id === id)).concat(id === draft.on || id === draft.off ? ['by default'] : [])}
        />
        <Defaults draft={draft} refused={refusedDefaults} onChange={edit} />
        {save.error && (
          <div className={classes.note}>
            <Note tone="bad" role="alert">
              {isOvertaken(save.error) ? <><b>Somebody changed this flag meanwhile.</b> Your edits are kept. Saving again makes them in the flag as it is now.</> : sentence(save.error.message)}
            </Note>
          </div>
        )}
        <SaveBar
          inPanel changes={instructions.length} busy={save.isPending} onSave={submit}
          onDiscard={() => {
            save.reset();
            begin(flag);
          }}
        />
      </Panel>
    </form>
  );
}

interface DefaultsProps {
  draft: VariationsDraft;
  refused: string | undefined;
  onChange: (change: Partial<VariationsDraft>) => void;
}

function Defaults({ draft, refused, onChange }: DefaultsProps) {
  const data = draft.list.map((one, i) => ({ value: one.id, label: labelOf(one, i) }));
  return (
    <>
      <div className={classes.defaults}>
        <Select label="Default when on" data={data} value={draft.on} allowDeselect={false} readOnly={refused !== undefined} onChange={(on) => on !== null && onChange({ on })} />
        <Select label="Default when off" data={data} value={draft.off} allowDeselect={false} readOnly={refused !== undefined} onChange={(off) => off !== null && onChange({ off })} />
      </div>
      <p className={classes.hint}>{refused ?? 'New environments begin with these. In those there are, targeting decides.'}</p>
    </>
  );
}

function labelOf(draft: VariationDraft, index: number): string {
  const words = draft.name.trim() === '' ? draft.text.replace(/\s+/g, ' ') : draft.name.trim();
  return words === '' ? `Variation ${index + 1}` : words.slice(0, 60);
}
