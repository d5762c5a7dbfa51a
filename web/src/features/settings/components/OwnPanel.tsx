import { TextInput } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';

import { Note } from '@/components/Note';
import { Panel } from '@/components/Panel';
import { SaveBar } from '@/components/SaveBar';
import { ownDetails, saveOwnDetails, type Member, type OwnDetails } from '@/features/settings/api/account';
import classes from '@/features/settings/components/Settings.module.css';
import { sentence } from '@/lib/sentence';
import { toast } from '@/lib/toast';

/** The name and the address of the person who is signed in. */
export function OwnPanel({ member }: { member: Member }) {
  const client = useQueryClient();
  const [edits, setEdits] = useState<Partial<OwnDetails>>({});
  const before = ownDetails(member);
  const details = { ...before, ...edits };
  const changes = Object.fromEntries(Object.entries(edits).filter(([name, value]) => before[name as keyof OwnDetails] !== value)) as Partial<OwnDetails>;
  const count = Object.keys(changes).length;
  const save = useMutation({
    mutationFn: () => saveOwnDetails(changes),
    onSuccess: async (saved) => {
      await client.invalidateQueries({ queryKey: ['session'] });
      setEdits({});
      toast(changes.email === undefined ? 'Saved your name.' : `Saved. You sign in as ${saved.email} from now on.`);
    },
  });
  const edit = (change: Partial<OwnDetails>) => {
    save.reset();
    setEdits({ ...edits, ...change });
  };
  const empty = details.email.trim() === '';
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        if (count > 0 && !empty) save.mutate();
      }}
    >
      <Panel title="Your account">
        <div className={classes.fields}>
          <TextInput label="First name" autoComplete="given-name" value={details.firstName} onChange={(event) => edit({ firstName: event.currentTarget.value })} maxLength={256} />
          <TextInput label="Last name" autoComplete="family-name" value={details.lastName} onChange={(event) => edit({ lastName: event.currentTarget.value })} maxLength={256} />
          <TextInput
            label="Email" type="email" autoComplete="email" value={details.email} onChange={(event) => edit({ email: event.currentTarget.value })} error={empty && 'Type your email address.'}
            description="You sign in with it." inputWrapperOrder={['label', 'input', 'error', 'description']}
          />
          {save.error && <Note tone="bad" role="alert">{sentence(save.error.message)}</Note>}
        </div>
        <SaveBar inPanel changes={count} onSave={() => !empty && save.mutate()} onDiscard={() => setEdits({})} busy={save.isPending} />
      </Panel>
    </form>
  );
}
