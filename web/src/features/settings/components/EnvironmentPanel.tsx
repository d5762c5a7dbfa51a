import { TextInput } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';

import { hintBelow } from '@/components/DetailsForm';
import { Note } from '@/components/Note';
import { Panel } from '@/components/Panel';
import { SaveBar } from '@/components/SaveBar';
import { changesOf, detailsOf, saveEnvironment, type Environment, type EnvironmentDetails } from '@/features/settings/api/environments';
import { EnvironmentFields, isColor } from '@/features/settings/components/EnvironmentFields';
import classes from '@/features/settings/components/Settings.module.css';
import { environmentQuery, projectsKey } from '@/lib/api/environment';
import { useRefusedHere } from '@/lib/api/permission';
import { counted } from '@/lib/number';
import type { Place } from '@/lib/place';
import { sentence } from '@/lib/sentence';
import { toast } from '@/lib/toast';

/** What people call an environment, and how careful they want to be in it. */
export function EnvironmentPanel({ place, environment }: { place: Place; environment: Environment }) {
  const client = useQueryClient();
  const [edits, setEdits] = useState<Partial<EnvironmentDetails>>({});
  const refused = {
    name: useRefusedHere(place, 'updateName'), color: useRefusedHere(place, 'updateColor'), critical: useRefusedHere(place, 'updateCritical'), secureMode: useRefusedHere(place, 'updateSecureMode'),
  };
  const before = detailsOf(environment);
  const details = { ...before, ...edits };
  const changes = changesOf(before, details);
  const count = Object.keys(changes).length;
  const ready = details.name.trim() !== '' && isColor(details.color);
  const save = useMutation({
    mutationFn: () => saveEnvironment(place, changes),
    onSuccess: (saved) => {
      client.setQueryData(environmentQuery(place).queryKey, saved);
      void client.invalidateQueries({ queryKey: projectsKey });
      setEdits({});
      toast(`Saved ${counted(count, 'change')} of ${saved.name}.`);
    },
  });
  const edit = (change: Partial<EnvironmentDetails>) => {
    save.reset();
    setEdits({ ...edits, ...change });
  };
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        if (count > 0 && ready) save.mutate();
      }}
    >
      <Panel title="Environment">
        <div className={classes.fields}>
          <TextInput label="Name" value={details.name} onChange={(event) => edit({ name: event.currentTarget.value })} maxLength={256} error={details.name.trim() === '' && 'Type a name.'}
            description={refused.name} readOnly={refused.name !== undefined} inputWrapperOrder={hintBelow} />
          <TextInput label="Key" value={environment.key} readOnly description="Addresses and policies refer to it, so it never changes." inputWrapperOrder={hintBelow} />
          <EnvironmentFields details={details} onChange={edit} tried refused={refused} />
          {save.error && <Note tone="bad" role="alert">{sentence(save.error.message)}</Note>}
        </div>
        <SaveBar inPanel changes={count} onSave={() => ready && save.mutate()} onDiscard={() => setEdits({})} busy={save.isPending} />
      </Panel>
    </form>
  );
}
