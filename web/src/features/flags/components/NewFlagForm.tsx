import { Button, Group, SegmentedControl, TextInput } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { Link, useNavigate } from '@tanstack/react-router';
import { useState, type SyntheticEvent } from 'react';

import { Note } from '@/components/Note';
import { instructFlag } from '@/features/flags/api/flag';
import { createFlag, type Flag } from '@/features/flags/api/flags';
import { flagKinds, newVariations, problemsOf, serveOnly, variationsIn, type FlagKind } from '@/features/flags/api/variations';
import { kindWords } from '@/features/flags/components/flagWords';
import classes from '@/features/flags/components/NewFlag.module.css';
import { VariationList } from '@/features/flags/components/VariationList';
import { inEnvironment } from '@/lib/api/environment';
import { keyOf } from '@/lib/keyOf';
import type { Place } from '@/lib/place';
import { sentence } from '@/lib/sentence';
import { toast } from '@/lib/toast';

const flagPage = '/projects/$project/environments/$environment/flags/$flag';

interface NewFlagFormProps {
  place: Place;
  environment: string;
  use: string | undefined;
  onCancel: () => void;
}

/** What a new flag is called and what it can serve. */
export function NewFlagForm({ place, environment, use, onCancel }: NewFlagFormProps) {
  const client = useQueryClient();
  const navigate = useNavigate();
  const [name, setName] = useState('');
  const [ownKey, setOwnKey] = useState<string>();
  const [description, setDescription] = useState('');
  const [kind, setKind] = useState<FlagKind>('boolean');
  const [variations, setVariations] = useState(() => newVariations('boolean'));
  const [made, setMade] = useState<Flag>();
  const [tried, setTried] = useState(false);
  const key = ownKey ?? keyOf(name);
  const create = useMutation({
    mutationFn: async () => {
      const flag = await createFlag(place, {
        key, name: name.trim(), description: description.trim(), ...(kind === 'boolean' ? {} : { variations: variationsIn(kind, variations) }),
      });
      setMade(flag);
      return use === undefined ? flag : instructFlag({ ...place, flag: flag.key }, serveOnly(flag, use));
    },
    onSuccess: async (flag) => {
      await navigate({ to: flagPage, params: { ...place, flag: flag.key } });
      toast(`Created ${flag.name}. It is off in every environment.`);
    },
    onSettled: () => {
      for (const what of ['flags', 'summary']) void client.invalidateQueries({ queryKey: inEnvironment(place, what) });
    },
  });
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    setTried(true);
    if (name.trim() !== '' && key !== '' && Object.keys(problemsOf(kind, variations)).length === 0) create.mutate();
  };
  if (create.error && made) return <WithoutRule place={place} flag={made} segment={use ?? ''} error={create.error} />;
  return (
    <form onSubmit={submit} noValidate>
      {create.error && <Note tone="bad" role="alert">{sentence(create.error.message)}</Note>}
      <TextInput label="Name" value={name} onChange={(event) => setName(event.currentTarget.value)} error={tried && name.trim() === '' && 'Type a name.'} data-autofocus />
      <TextInput
        label="Key" mt={12} description="Code refers to it, so it never changes." inputWrapperOrder={['label', 'input', 'error', 'description']}
        value={key} onChange={(event) => setOwnKey(event.currentTarget.value)} error={tried && key === '' && 'Type a key.'} spellCheck={false}
      />
      <TextInput label="Description" mt={12} value={description} onChange={(event) => setDescription(event.currentTarget.value)} />
      <div className={classes.kind}>
        <span aria-hidden>What it serves</span>
        <SegmentedControl
          aria-label="What it serves" value={kind} data={flagKinds.map((one) => ({ value: one, label: kindWords[one] }))} fullWidth
          onChange={(next) => {
            setKind(next);
            setVariations(newVariations(next));
          }}
        />
      </div>
      {kind === 'boolean' ? null : <VariationList kind={kind} list={variations} onChange={setVariations} strict={tried} />}
      <p className={classes.serves}>
        {kind === 'boolean' ? 'On it serves true, off false.' : 'On it serves the first variation, off the last.'} It is off in every environment until somebody turns it on.
      </p>
      {use !== undefined && (
        <div className={classes.serves}>
          <Note tone="info">In {environment} its rule 1 serves the members of <code>{use}</code> {kind === 'boolean' ? <><code>true</code>; everyone else gets <code>false</code></> : 'the first variation; everyone else gets the last'}.</Note>
        </div>
      )}
      <Group justify="flex-end" mt={20} gap={8}>
        <Button variant="default" onClick={onCancel}>Cancel</Button>
        <Button type="submit" loading={create.isPending}>Create</Button>
      </Group>
    </form>
  );
}

/** Says that the flag is there but its rule is not. */
function WithoutRule({ place, flag, segment, error }: { place: Place; flag: Flag; segment: string; error: Error }) {
  return (
    <Note
      tone="bad" role="alert"
      action={<Button variant="default" renderRoot={(root) => <Link {...root} to={flagPage} params={{ ...place, flag: flag.key }} />}>Open {flag.name}</Button>}
    >
      <b>{flag.name} was created, but its rule for {segment} was not.</b> {sentence(error.message)} Add the rule on its page.
    </Note>
  );
}
