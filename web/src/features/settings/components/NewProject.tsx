import { Button, Group, Modal, TextInput } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useState, type SyntheticEvent } from 'react';

import { Note } from '@/components/Note';
import { createProject } from '@/features/settings/api/environments';
import classes from '@/features/settings/components/Settings.module.css';
import { projectsKey } from '@/lib/api/environment';
import { keyOf } from '@/lib/keyOf';
import { sentence } from '@/lib/sentence';
import { toast } from '@/lib/toast';

/** Makes a project with the environments production and test. */
export function NewProject({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  return (
    <Modal opened={opened} onClose={onClose} title="Create a project" size={480} radius={12} closeButtonProps={{ 'aria-label': 'Close' }}>
      <NewProjectForm onClose={onClose} />
    </Modal>
  );
}

function NewProjectForm({ onClose }: { onClose: () => void }) {
  const client = useQueryClient();
  const navigate = useNavigate();
  const [name, setName] = useState('');
  const [ownKey, setOwnKey] = useState<string>();
  const [tried, setTried] = useState(false);
  const key = ownKey ?? keyOf(name);
  const create = useMutation({
    mutationFn: () => createProject(key, name.trim()),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: projectsKey });
      await navigate({ to: '/projects/$project/environments/$environment/settings/keys', params: { project: key, environment: 'production' } });
      toast(`Created ${name.trim()} with 2 environments, production and test.`);
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
      <TextInput label="Name" value={name} onChange={(event) => setName(event.currentTarget.value)} data-autofocus error={tried && name.trim() === '' && 'Type a name.'} />
      <TextInput
        label="Key" value={key} onChange={(event) => setOwnKey(event.currentTarget.value)} spellCheck={false} error={tried && key === '' && 'Type a key.'}
        description="Addresses and policies refer to it, so it never changes." inputWrapperOrder={['label', 'input', 'error', 'description']}
      />
      <p className={classes.text}>It begins with the environments production and test, and without flags and segments.</p>
      <Group justify="flex-end" gap={8}>
        <Button variant="default" onClick={onClose}>Cancel</Button>
        <Button type="submit" loading={create.isPending}>Create</Button>
      </Group>
    </form>
  );
}
