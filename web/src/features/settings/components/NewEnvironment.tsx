import { Button, Group, Modal, TextInput } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useState, type SyntheticEvent } from 'react';

import { Note } from '@/components/Note';
import { createEnvironment, type EnvironmentDetails } from '@/features/settings/api/environments';
import { EnvironmentFields, isColor } from '@/features/settings/components/EnvironmentFields';
import classes from '@/features/settings/components/Settings.module.css';
import { projectsKey } from '@/lib/api/environment';
import { keyOf } from '@/lib/keyOf';
import { sentence } from '@/lib/sentence';
import { toast } from '@/lib/toast';

interface NewEnvironmentProps {
  project: string;
  opened: boolean;
  onClose: () => void;
}

/** Makes an environment of a project. */
export function NewEnvironment({ project, opened, onClose }: NewEnvironmentProps) {
  return (
    <Modal opened={opened} onClose={onClose} title="Create an environment" size={480} radius={12} closeButtonProps={{ 'aria-label': 'Close' }}>
      <NewEnvironmentForm project={project} onClose={onClose} />
    </Modal>
  );
}

function NewEnvironmentForm({ project, onClose }: Omit<NewEnvironmentProps, 'opened'>) {
  const client = useQueryClient();
  const navigate = useNavigate();
  const [details, setDetails] = useState<EnvironmentDetails>({ name: '', color: '417505', critical: false, secureMode: false });
  const [ownKey, setOwnKey] = useState<string>();
  const [tried, setTried] = useState(false);
  const key = ownKey ?? keyOf(details.name);
  const create = useMutation({
    mutationFn: () => createEnvironment(project, { ...details, name: details.name.trim(), key }),
    onSuccess: async (made) => {
      await client.invalidateQueries({ queryKey: projectsKey });
      await navigate({ to: '/projects/$project/environments/$environment/settings/keys', params: { project, environment: made.key } });
      toast(`Created ${made.name}. Every flag of the project is off in it.`);
    },
  });
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    setTried(true);
    if (details.name.trim() !== '' && key !== '' && isColor(details.color)) create.mutate();
  };
  return (
    <form onSubmit={submit} noValidate className={classes.fields}>
      {create.error && <Note tone="bad" role="alert">{sentence(create.error.message)}</Note>}
      <TextInput
        label="Name" value={details.name} onChange={(event) => setDetails({ ...details, name: event.currentTarget.value })} data-autofocus
        error={tried && details.name.trim() === '' && 'Type a name.'}
      />
      <TextInput
        label="Key" value={key} onChange={(event) => setOwnKey(event.currentTarget.value)} spellCheck={false} error={tried && key === '' && 'Type a key.'}
        description="Addresses and policies refer to it, so it never changes." inputWrapperOrder={['label', 'input', 'error', 'description']}
      />
      <EnvironmentFields details={details} onChange={(change) => setDetails({ ...details, ...change })} tried={tried} />
      <Group justify="flex-end" gap={8}>
        <Button variant="default" onClick={onClose}>Cancel</Button>
        <Button type="submit" loading={create.isPending}>Create</Button>
      </Group>
    </form>
  );
}
