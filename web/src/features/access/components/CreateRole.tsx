import { Button, Group, Modal, TextInput } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useState, type SyntheticEvent } from 'react';

import { Note } from '@/components/Note';
import { createRole } from '@/features/access/api/roles';
import classes from '@/features/access/components/Access.module.css';
import { keyOf } from '@/lib/keyOf';
import { sentence } from '@/lib/sentence';

/** Makes a custom role that grants nothing yet, and opens it. */
export function CreateRole({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  return (
    <Modal opened={opened} onClose={onClose} title="Create a role" size={480} radius={12} closeButtonProps={{ 'aria-label': 'Close' }}>
      <NewRole onCancel={onClose} />
    </Modal>
  );
}

function NewRole({ onCancel }: { onCancel: () => void }) {
  const client = useQueryClient();
  const navigate = useNavigate();
  const [name, setName] = useState('');
  const [ownKey, setOwnKey] = useState<string>();
  const [description, setDescription] = useState('');
  const [tried, setTried] = useState(false);
  const key = ownKey ?? keyOf(name);
  const create = useMutation({
    mutationFn: () => createRole({ key, name: name.trim(), description: description.trim() }),
    onSuccess: async (role) => {
      void client.invalidateQueries({ queryKey: ['roles'] });
      await navigate({ to: '/access/roles/$role', params: { role: role.key } });
    },
  });
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    setTried(true);
    if (name.trim() !== '' && key !== '') create.mutate();
  };
  return (
    <form onSubmit={submit} noValidate className={classes.fields}>
      {create.error && <Note tone="bad" role="alert">{sentence(create.error.message)}</Note>}
      <TextInput label="Name" value={name} onChange={(event) => setName(event.currentTarget.value)} error={tried && name.trim() === '' && 'Type a name.'} data-autofocus />
      <TextInput
        label="Key" description="It never changes." inputWrapperOrder={['label', 'input', 'error', 'description']} value={key} onChange={(event) => setOwnKey(event.currentTarget.value)}
        error={tried && key === '' && 'Type a key.'} spellCheck={false}
      />
      <TextInput label="Description" value={description} onChange={(event) => setDescription(event.currentTarget.value)} />
      <p>It allows nothing until its policy says so.</p>
      <Group justify="flex-end" gap={8}>
        <Button variant="default" onClick={onCancel}>Cancel</Button>
        <Button type="submit" loading={create.isPending}>Create</Button>
      </Group>
    </form>
  );
}
