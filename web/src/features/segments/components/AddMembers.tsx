import { Button, Group, Modal, Textarea } from '@mantine/core';
import { IconPlus } from '@tabler/icons-react';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';

import { ActionButton } from '@/components/ActionButton';
import { Note } from '@/components/Note';
import { addMembers, keysIn } from '@/features/segments/api/members';
import { ofSegment, type SegmentPlace } from '@/features/segments/api/segment';
import { counted } from '@/lib/number';
import { sentence } from '@/lib/sentence';
import { toast } from '@/lib/toast';

/** As many keys as one change takes; more is a list to upload. */
const most = 10_000;

/** Adds people by their keys, one a line. */
export function AddMembers({ at, refused }: { at: SegmentPlace; refused: string | undefined }) {
  const client = useQueryClient();
  const [open, setOpen] = useState(false);
  const [list, setList] = useState('');
  const keys = keysIn(list);
  const close = () => {
    setOpen(false);
    add.reset();
  };
  const add = useMutation({
    mutationFn: () => addMembers(at, keys),
    onSuccess: () => {
      toast(`Added ${counted(keys.length, 'key')}.`);
      void client.invalidateQueries({ queryKey: ofSegment(at) });
      setList('');
      setOpen(false);
    },
  });
  const tooMany = keys.length > most;
  return (
    <>
      <ActionButton refused={refused} leftSection={<IconPlus size={16} aria-hidden />} onClick={() => setOpen(true)}>Add members</ActionButton>
      <Modal opened={open} onClose={close} title="Add members" size={520} radius={12} closeButtonProps={{ 'aria-label': 'Close' }}>
        <Textarea
          label="Context keys, one a line" value={list} onChange={(event) => setList(event.currentTarget.value)} autosize minRows={6} maxRows={14} spellCheck={false} data-autofocus
          inputWrapperOrder={['label', 'input', 'error', 'description']} description={`${counted(keys.length, 'key')} · compared byte for byte with what your SDK sends`}
          error={tooMany && 'These are too many for one change. Upload them as a list.'}
        />
        {add.error && <div style={{ marginTop: 16 }}><Note tone="bad" role="alert">{sentence(add.error.message)}</Note></div>}
        <Group justify="flex-end" mt={20} gap={8}>
          <Button variant="default" onClick={close}>Cancel</Button>
          <Button loading={add.isPending} disabled={keys.length === 0 || tooMany} title={keys.length === 0 ? 'Paste keys first' : undefined} onClick={() => add.mutate()}>
            Add {counted(keys.length, 'key')}
          </Button>
        </Group>
      </Modal>
    </>
  );
}
