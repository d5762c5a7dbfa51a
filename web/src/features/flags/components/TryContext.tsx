import { Autocomplete, Button, Textarea, TextInput } from '@mantine/core';
import { useState, type SyntheticEvent } from 'react';

import { Panel } from '@/components/Panel';
import type { FlagPlace, Instruction } from '@/features/flags/api/flag';
import type { Flag } from '@/features/flags/api/flags';
import { defaultKind, type Targeting } from '@/features/flags/api/targeting';
import { attributesOf, type Context } from '@/features/flags/api/trial';
import type { Names } from '@/features/flags/components/changeWords';
import classes from '@/features/flags/components/TryContext.module.css';
import { TryOutcome } from '@/features/flags/components/TryOutcome';
import { useContextKinds } from '@/features/flags/components/useContextKinds';

interface TryContextProps {
  at: FlagPlace;
  flag: Flag;
  names: Names;
  saved: Targeting;
  edited: Targeting;
  /** What makes the edited targeting of the saved one; undefined while it is not fit to be saved. */
  instructions: Instruction[] | undefined;
}

/** Asks what one context is served, with the edits that are not saved. */
export function TryContext({ at, flag, names, saved, edited, instructions }: TryContextProps) {
  const kinds = useContextKinds(at, undefined);
  const [kind, setKind] = useState(defaultKind);
  const [key, setKey] = useState('');
  const [typed, setTyped] = useState('');
  const [tried, setTried] = useState(false);
  const [asked, ask] = useState<Context>();
  const attributes = attributesOf(typed);
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    setTried(true);
    if (kind.trim() !== '' && key !== '' && 'attributes' in attributes) ask({ ...attributes.attributes, kind: kind.trim(), key });
  };
  return (
    <Panel title="Try a context">
      <form className={classes.form} onSubmit={submit} noValidate aria-label="Try a context">
        <Autocomplete label="Context kind" data={kinds.map(({ value }) => value)} value={kind} onChange={setKind} spellCheck={false} error={tried && kind.trim() === '' && 'Type a context kind.'} />
        <TextInput
          label="Context key" value={key} onChange={(event) => setKey(event.currentTarget.value)} autoComplete="off" spellCheck={false} classNames={{ input: classes.mono }}
          error={tried && key === '' && 'Type a key.'}
        />
        <Textarea
          label="Attributes, as JSON" placeholder='{"country": "DE"}' value={typed} onChange={(event) => setTyped(event.currentTarget.value)} autosize minRows={2} maxRows={10} spellCheck={false}
          classNames={{ input: classes.mono }} error={tried && 'fault' in attributes && attributes.fault}
        />
        <Button type="submit" variant="default">Evaluate</Button>
      </form>
      {asked && <TryOutcome at={at} flag={flag} names={names} context={asked} targeting={instructions ? edited : saved} saved={saved} instructions={instructions} />}
    </Panel>
  );
}
