import { Button, Group, Modal, TextInput } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useState, type SyntheticEvent } from 'react';

import { Note } from '@/components/Note';
import type { NewSegmentWay } from '@/features/segments/api/search';
import { createSegment } from '@/features/segments/api/segments';
import { WaysIn } from '@/features/segments/components/WaysIn';
import { inEnvironment } from '@/lib/api/environment';
import { keyOf } from '@/lib/keyOf';
import type { Place } from '@/lib/place';
import { sentence } from '@/lib/sentence';

const titles: Record<NewSegmentWay, string> = { hand: 'Create a segment by hand', list: 'Create a segment for the list' };

interface CreateSegmentProps {
  place: Place;
  opened: boolean;
  /** How the members come; undefined: that is asked first. */
  by: NewSegmentWay | undefined;
  onByHand: () => void;
  onClose: () => void;
}

/** Asks where the members come from, and makes the segment if a person brings them. */
export function CreateSegment({ place, opened, by, onByHand, onClose }: CreateSegmentProps) {
  return (
    <Modal
      opened={opened} onClose={onClose} size={by ? 480 : 560} radius={12} closeButtonProps={{ 'aria-label': 'Close' }}
      title={by ? titles[by] : 'Where do the members come from?'}
    >
      {by ? <NewSegment place={place} by={by} onCancel={onClose} /> : <WaysIn place={place} onByHand={onByHand} />}
    </Modal>
  );
}

function NewSegment({ place, by, onCancel }: { place: Place; by: NewSegmentWay; onCancel: () => void }) {
  const client = useQueryClient();
  const navigate = useNavigate();
  const [name, setName] = useState('');
  const [ownKey, setOwnKey] = useState<string>();
  const [description, setDescription] = useState('');
  const [contextKind, setContextKind] = useState('user');
  const [tried, setTried] = useState(false);
  const key = ownKey ?? keyOf(name);
  const create = useMutation({
    mutationFn: () => createSegment(place, { key, name: name.trim(), description: description.trim(), contextKind: contextKind.trim() }),
    onSuccess: async (segment) => {
      void client.invalidateQueries({ queryKey: inEnvironment(place, 'summary') });
      await client.invalidateQueries({ queryKey: inEnvironment(place, 'segments') });
      await (by === 'list'
        ? navigate({ to: '/projects/$project/environments/$environment/segments/upload', params: place, search: { segment: segment.key } })
        : navigate({ to: '/projects/$project/environments/$environment/segments/$segment/members', params: { ...place, segment: segment.key } }));
    },
  });
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    setTried(true);
    if (name.trim() !== '' && key !== '' && contextKind.trim() !== '') create.mutate();
  };
  return (
    <form onSubmit={submit} noValidate>
      {create.error && <Note tone="bad" role="alert">{sentence(create.error.message)}</Note>}
      <TextInput label="Name" value={name} onChange={(event) => setName(event.currentTarget.value)} error={tried && name.trim() === '' && 'Type a name.'} autoFocus data-autofocus />
      <TextInput
        label="Key" mt={12} description="Flags refer to it, so it never changes." inputWrapperOrder={['label', 'input', 'error', 'description']}
        value={key} onChange={(event) => setOwnKey(event.currentTarget.value)} error={tried && key === '' && 'Type a key.'} spellCheck={false}
      />
      <TextInput label="Description" mt={12} value={description} onChange={(event) => setDescription(event.currentTarget.value)} />
      <TextInput
        label="Context kind" mt={12} description="What a key stands for, as user or device. It never changes." inputWrapperOrder={['label', 'input', 'error', 'description']}
        value={contextKind} onChange={(event) => setContextKind(event.currentTarget.value)} error={tried && contextKind.trim() === '' && 'Type a context kind.'}
      />
      <Group justify="flex-end" mt={20} gap={8}>
        <Button variant="default" onClick={onCancel}>Cancel</Button>
        <Button type="submit" loading={create.isPending}>Create</Button>
      </Group>
    </form>
  );
}
