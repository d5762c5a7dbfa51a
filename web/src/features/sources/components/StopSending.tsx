import { Button, Group, Modal } from '@mantine/core';
import { useBlocker } from '@tanstack/react-router';

/** Asks before a page is left that is still sending a list: only the page has the file. */
export function StopSending({ sending }: { sending: boolean }) {
  const leave = useBlocker({
    shouldBlockFn: ({ current, next }) => sending && current.pathname !== next.pathname,
    enableBeforeUnload: () => sending,
    withResolver: true,
  });
  return (
    <Modal opened={sending && leave.status === 'blocked'} onClose={() => leave.reset?.()} title="Stop sending the list?" size={440} closeButtonProps={{ 'aria-label': 'Close' }}>
      <p>Not all of it has been sent. If you leave now, nobody joins or leaves.</p>
      <Group justify="flex-end" mt={20} gap={8}>
        <Button variant="default" data-autofocus onClick={() => leave.reset?.()}>Stay</Button>
        <Button onClick={() => leave.proceed?.()}>Leave</Button>
      </Group>
    </Modal>
  );
}
