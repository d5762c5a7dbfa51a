import { Button, Group, Modal, TextInput } from '@mantine/core';
import { useState, type ReactNode } from 'react';

import { Note } from '@/components/Note';
import { sentence } from '@/lib/sentence';

interface ConfirmDialogProps {
  opened: boolean;
  onClose: () => void;
  /** A question with the object: "Release this sync?" */
  title: string;
  /** The consequences, in numbers. */
  children: ReactNode;
  /** Verb and number: "Release and remove 412,880". undefined: there is nothing left to confirm. */
  confirm: string | undefined;
  onConfirm: () => void;
  busy?: boolean;
  error?: Error | null;
  /** Red: for what overrides a guard or cannot be undone. */
  danger?: boolean;
  /** Has to be typed first: for deleting, resetting a key, rebuilding a store. */
  typed?: string;
}

/** Asks before something that has consequences. Cancel comes first and has the focus. */
export function ConfirmDialog({ opened, onClose, title, children, confirm, onConfirm, busy, error, danger, typed }: ConfirmDialogProps) {
  const [text, setText] = useState('');
  const ready = typed === undefined || text === typed;
  const close = () => {
    setText('');
    onClose();
  };
  return (
    <Modal opened={opened} onClose={close} title={title} size={520} radius={12} closeButtonProps={{ 'aria-label': 'Close' }}>
      {children}
      {typed !== undefined && (
        <TextInput
          mt={16} label="Type the key to confirm" description={typed} value={text} autoComplete="off" spellCheck={false}
          onChange={(event) => setText(event.currentTarget.value)}
        />
      )}
      {error && <div style={{ marginTop: 16 }}><Note tone="bad" role="alert">{sentence(error.message)}</Note></div>}
      <Group justify="flex-end" mt={20} gap={8}>
        {confirm === undefined
          // The button that had the focus may be gone.
          ? <Button variant="default" onClick={close} autoFocus>Close</Button>
          : (
              <>
                <Button variant="default" onClick={close} data-autofocus>Cancel</Button>
                <Button color={danger ? 'red' : undefined} loading={busy} disabled={!ready} title={ready ? undefined : 'Type the key first'} onClick={onConfirm}>
                  {confirm}
                </Button>
              </>
            )}
      </Group>
    </Modal>
  );
}
