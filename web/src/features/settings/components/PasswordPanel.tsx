import { Button, PasswordInput } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { useState, type SyntheticEvent } from 'react';

import { Note } from '@/components/Note';
import { Panel } from '@/components/Panel';
import { changePassword } from '@/features/settings/api/account';
import classes from '@/features/settings/components/Settings.module.css';
import { sentence } from '@/lib/sentence';
import { toast } from '@/lib/toast';

const shortest = 12;
const toggle = { 'aria-label': 'Show what is typed' };

/** Gives the person who is signed in another password. */
export function PasswordPanel() {
  const [present, setPresent] = useState('');
  const [password, setPassword] = useState('');
  const [tried, setTried] = useState(false);
  const change = useMutation({
    mutationFn: () => changePassword(present, password),
    onSuccess: () => {
      setPresent('');
      setPassword('');
      setTried(false);
      toast('Changed your password. All other sessions by password ended.');
    },
  });
  const short = Array.from(password).length < shortest;
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    setTried(true);
    if (!short) change.mutate();
  };
  return (
    <Panel title="Password">
      <form onSubmit={submit} noValidate className={classes.fields}>
        <PasswordInput
          label="Present password" autoComplete="current-password" value={present} onChange={(event) => setPresent(event.currentTarget.value)}
          description="Leave it empty if you have none yet." inputWrapperOrder={['label', 'input', 'error', 'description']} visibilityToggleButtonProps={toggle}
        />
        <PasswordInput
          label="New password" autoComplete="new-password" value={password} onChange={(event) => setPassword(event.currentTarget.value)}
          description="12 characters or more." error={tried && short && 'Type 12 characters or more.'} inputWrapperOrder={['label', 'input', 'error', 'description']} visibilityToggleButtonProps={toggle}
        />
        {change.error && <Note tone="bad" role="alert">{sentence(change.error.message)}</Note>}
        <div className={classes.row}>
          <Button type="submit" variant="default" loading={change.isPending}>Change password</Button>
          <span className={classes.hint}>All other sessions by password end.</span>
        </div>
      </form>
    </Panel>
  );
}
