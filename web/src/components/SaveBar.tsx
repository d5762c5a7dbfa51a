import { Button, Group, Modal } from '@mantine/core';
import { useHotkeys } from '@mantine/hooks';
import { useBlocker } from '@tanstack/react-router';
import type { ReactNode } from 'react';

import { counted } from '@/lib/number';
import classes from '@/components/SaveBar.module.css';

interface SaveBarProps {
  /** How many edits are not saved; the bar shows from the first. */
  changes: number;
  onSave: () => void;
  onDiscard: () => void;
  busy?: boolean;
  /** "Save", unless something comes in between. */
  save?: string;
  /** It stands in a panel, whose edges it reaches. */
  inPanel?: boolean;
  /** What changes, in words; or what went wrong. */
  children?: ReactNode;
}

/** Sticks to the foot of a panel with edits, saves them by Ctrl or Cmd S too, and asks before they are left behind. */
export function SaveBar({ changes, onSave, onDiscard, busy, save = 'Save', inPanel, children }: SaveBarProps) {
  const leave = useBlocker({
    shouldBlockFn: ({ current, next }) => changes > 0 && !busy && current.pathname !== next.pathname,
    enableBeforeUnload: () => changes > 0,
    withResolver: true,
  });
  const press = () => {
    // Keys are meant for what lies over the page, if something does.
    if (!busy && !document.querySelector('[role="dialog"]')) onSave();
  };
  useHotkeys(changes > 0 ? [['mod+S', press]] : [], []);
  return (
    <>
      {changes > 0 && (
        <div className={classes.bar} data-save-bar data-in-panel={inPanel}>
          <span className={classes.text}>{counted(changes, 'unsaved change')}{children}</span>
          <Button variant="default" onClick={onDiscard} disabled={busy}>Discard</Button>
          <Button onClick={onSave} loading={busy}>{save}</Button>
        </div>
      )}
      <Modal opened={leave.status === 'blocked'} onClose={() => leave.reset?.()} title="Leave without saving?" size={440} closeButtonProps={{ 'aria-label': 'Close' }}>
        <p>{counted(changes, 'edit is', 'edits are')} lost when you leave.</p>
        <Group justify="flex-end" mt={20} gap={8}>
          <Button variant="default" data-autofocus onClick={() => leave.reset?.()}>Stay</Button>
          <Button onClick={() => leave.proceed?.()}>Leave</Button>
        </Group>
      </Modal>
    </>
  );
}
