import { Button, Group, Modal, PasswordInput, TextInput } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState, type SyntheticEvent } from 'react';

import { Note } from '@/components/Note';
import { builtIn, grantProblem, type Grant } from '@/features/access/api/grant';
import { addMember } from '@/features/access/api/members';
import classes from '@/features/access/components/Access.module.css';
import { GrantFields } from '@/features/access/components/GrantFields';
import { sentence } from '@/lib/sentence';
import { toast } from '@/lib/toast';

const below = ['label', 'input', 'error', 'description'] as const;
const shortestPassword = 12;

/** Adds a person to the account. */
export function AddMember({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  return (
    <Modal opened={opened} onClose={onClose} title="Add a member" size={480} radius={12} closeButtonProps={{ 'aria-label': 'Close' }}>
      <NewMember onDone={onClose} />
    </Modal>
  );
}

function NewMember({ onDone }: { onDone: () => void }) {
  const client = useQueryClient();
  const [member, setMember] = useState({ name: '', email: '', password: '' });
  const [grant, setGrant] = useState<Grant>(() => builtIn('reader'));
  const [tried, setTried] = useState(false);
  const add = useMutation({
    mutationFn: () => addMember({ name: member.name.trim(), email: member.email.trim(), password: member.password, grant }),
    onSuccess: () => {
      toast(member.password === '' ? `Added ${member.email}, who has no password yet.` : `Added ${member.email}. Tell them the password; they can change it.`);
      void client.invalidateQueries({ queryKey: ['members'] });
      onDone();
    },
  });
  const wrong = {
    name: false,
    email: !/^\S+@\S+$/.test(member.email.trim()) && 'Type an email address, as ana@example.org.',
    password: member.password !== '' && Array.from(member.password).length < shortestPassword && `At least ${shortestPassword} characters.`,
  };
  const grantWrong = grantProblem(grant, undefined);
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    setTried(true);
    if (!wrong.email && !wrong.password && !grantWrong) add.mutate();
  };
  const field = (name: keyof typeof member) => ({
    value: member[name], error: tried && wrong[name],
    onChange: (event: { currentTarget: { value: string } }) => {
      const { value } = event.currentTarget;
      setMember((before) => ({ ...before, [name]: value }));
    },
  });
  return (
    <form onSubmit={submit} noValidate className={classes.fields}>
      {add.error && <Note tone="bad" role="alert">{sentence(add.error.message)}</Note>}
      <TextInput label="Email" type="email" autoComplete="off" data-autofocus {...field('email')} />
      <TextInput label="Name" autoComplete="off" {...field('name')} />
      <GrantFields of="member" grant={grant} onChange={setGrant} error={tried && grantWrong} />
      <PasswordInput
        label="First password" autoComplete="new-password" description="Muster sends no mail: tell it to them. Without one they cannot sign in until somebody gives them one."
        inputWrapperOrder={[...below]} visibilityToggleButtonProps={{ 'aria-label': 'Show what is typed' }} {...field('password')}
      />
      <Group justify="flex-end" mt={6} gap={8}>
        <Button variant="default" onClick={onDone}>Cancel</Button>
        <Button type="submit" loading={add.isPending}>Add</Button>
      </Group>
    </form>
  );
}
