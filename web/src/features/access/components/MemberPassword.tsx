import { Button, PasswordInput } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { useState } from 'react';

import { ActionButton } from '@/components/ActionButton';
import { Note } from '@/components/Note';
import { nameOf, setPassword, type Member } from '@/features/access/api/members';
import classes from '@/features/access/components/Access.module.css';
import { useRefused } from '@/lib/api/permission';
import { sentence } from '@/lib/sentence';
import { toast } from '@/lib/toast';

const shortestPassword = 12;

/** Gives an account member a password, the first one or one in place of one that was forgotten. */
export function MemberPassword({ member }: { member: Member }) {
  const [open, setOpen] = useState(false);
  const [password, setTyped] = useState('');
  const [tried, setTried] = useState(false);
  const refused = useRefused('updateMemberPassword', `member/${member._id}`, 'this member');
  const wrong = Array.from(password).length < shortestPassword && `At least ${shortestPassword} characters.`;
  const close = () => {
    setOpen(false);
    setTyped('');
    setTried(false);
  };
  const save = useMutation({
    mutationFn: () => setPassword(member._id, password),
    onSuccess: () => {
      close();
      toast(`Gave ${nameOf(member)} a new password.`);
    },
  });
  return (
    <section aria-label="Password">
      <h3>Password</h3>
      {!open && <div><ActionButton variant="default" refused={refused} onClick={() => setOpen(true)}>Set a password…</ActionButton></div>}
      {open && (
        <form
          className={classes.fields} noValidate
          onSubmit={(event) => {
            event.preventDefault();
            setTried(true);
            if (!wrong) save.mutate();
          }}
        >
          <PasswordInput
            label="New password" autoComplete="new-password" autoFocus value={password} onChange={(event) => setTyped(event.currentTarget.value)} error={tried && wrong}
            description="They are signed out everywhere, and sign in with this one. Muster sends no mail: tell it to them." inputWrapperOrder={['label', 'input', 'error', 'description']}
            visibilityToggleButtonProps={{ 'aria-label': 'Show what is typed' }}
          />
          {save.error && <Note tone="bad" role="alert">{sentence(save.error.message)}</Note>}
          <div className={classes.actions}>
            <Button type="submit" loading={save.isPending}>Set password</Button>
            <Button variant="default" onClick={close}>Cancel</Button>
          </div>
        </form>
      )}
    </section>
  );
}
