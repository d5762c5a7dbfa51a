import { Button } from '@mantine/core';
import { notifications } from '@mantine/notifications';

interface Undo {
  label?: string;
  run: () => void;
}

/** Says in one sentence, in the past tense and with the number, what was done; with the way back if there is one. */
export function toast(message: string, undo?: Undo) {
  const id = notifications.show({
    role: 'status', withCloseButton: true, closeButtonProps: { 'aria-label': 'Close' }, autoClose: undo ? 10_000 : 5000,
    message: undo
      ? (
          <span>
            {message}{' '}
            <Button
              variant="subtle" size="compact-sm"
              onClick={() => {
                notifications.hide(id);
                undo.run();
              }}
            >
              {undo.label ?? 'Undo'}
            </Button>
          </span>
        )
      : message,
  });
}
