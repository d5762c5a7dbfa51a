import { Autocomplete, Button, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState, type SyntheticEvent } from 'react';

import type { Context } from '@/features/contexts/api/contexts';
import classes from '@/features/contexts/components/Contexts.module.css';
import { contextKindsQuery } from '@/lib/api/contextKinds';

/** Asks for an exact context. */
export function LookUp({ project, context, onLookUp }: { project: string; context: Partial<Context>; onLookUp: (context: Context) => void }) {
  const { data: kinds = [] } = useQuery(contextKindsQuery(project));
  const [kind, setKind] = useState(context.kind ?? 'user');
  const [key, setKey] = useState(context.key ?? '');
  const [tried, setTried] = useState(false);
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    setTried(true);
    if (kind.trim() !== '' && key !== '') onLookUp({ kind: kind.trim(), key });
  };
  return (
    <form className={classes.form} onSubmit={submit} noValidate role="search" aria-label="Look up a context">
      <Autocomplete
        className={classes.kind} label="Context kind" data={kinds.map((one) => one.key)} value={kind} onChange={setKind} spellCheck={false}
        error={tried && kind.trim() === '' && 'Type a context kind.'}
      />
      <TextInput
        className={classes.key} label="Context key" value={key} onChange={(event) => setKey(event.currentTarget.value)} autoComplete="off" spellCheck={false}
        error={tried && key === '' && 'Type a key.'}
      />
      <Button type="submit" className={classes.submit}>Look up</Button>
    </form>
  );
}
