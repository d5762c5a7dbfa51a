import { Button, TextInput } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';

import { Note } from '@/components/Note';
import { renameToken, tokenQuery, type Token } from '@/features/access/api/tokens';
import classes from '@/features/access/components/Access.module.css';
import { useTokenRefusal } from '@/features/access/components/tokenRefusal';
import { sentence } from '@/lib/sentence';
import { toast } from '@/lib/toast';

/** Gives a token another name. */
export function RenameToken({ token }: { token: Token }) {
  const client = useQueryClient();
  const [name, setName] = useState(token.name ?? '');
  const refused = useTokenRefusal('updateAccessTokenName', token);
  const changed = name.trim() !== (token.name ?? '') && name.trim() !== '';
  const save = useMutation({
    mutationFn: () => renameToken(token._id, name.trim()),
    onSuccess: (saved) => {
      client.setQueryData(tokenQuery(token._id).queryKey, saved);
      toast(`Renamed the token to ${name.trim()}.`);
      void client.invalidateQueries({ queryKey: ['tokens', 'list'] });
    },
  });
  return (
    <form
      className={classes.fields}
      onSubmit={(event) => {
        event.preventDefault();
        if (changed && !refused) save.mutate();
      }}
    >
      <TextInput
        label="Name" value={name} onChange={(event) => setName(event.currentTarget.value)} maxLength={256} autoComplete="off" readOnly={refused !== undefined} description={refused}
        inputWrapperOrder={['label', 'input', 'error', 'description']}
      />
      {save.error && <Note tone="bad" role="alert">{sentence(save.error.message)}</Note>}
      {changed && <div className={classes.actions}><Button type="submit" loading={save.isPending}>Save</Button></div>}
    </form>
  );
}
