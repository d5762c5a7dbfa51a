import { Button, Tooltip, type ButtonProps } from '@mantine/core';
import type { ReactNode } from 'react';

interface ActionButtonProps extends ButtonProps {
  onClick: () => void;
  /** Why it cannot be done now or by this person: "Needs `rollbackSegment` on this segment. Ask an admin." */
  refused?: string;
  'aria-label'?: string;
  children: ReactNode;
}

/** A button that stays visible and focusable when its action is not allowed, and says why. */
export function ActionButton({ refused, onClick, children, ...button }: ActionButtonProps) {
  if (!refused) return <Button {...button} onClick={onClick}>{children}</Button>;
  return (
    <Tooltip label={refused} multiline maw={320} events={{ hover: true, focus: true, touch: true }}>
      <Button {...button} data-disabled aria-disabled onClick={(event) => event.preventDefault()}>{children}</Button>
    </Tooltip>
  );
}
