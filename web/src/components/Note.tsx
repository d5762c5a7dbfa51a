import { IconAlertTriangle, IconCheck, IconInfoCircle, IconPlayerPause } from '@tabler/icons-react';
import type { ReactNode } from 'react';

import classes from '@/components/Note.module.css';

const icons = { info: IconInfoCircle, ok: IconCheck, warn: IconAlertTriangle, held: IconPlayerPause, bad: IconAlertTriangle };

interface NoteProps {
  tone: keyof typeof icons;
  /** At the right end: one link or button. */
  action?: ReactNode;
  /** alert is read out at once: for what answers something that was just done. */
  role?: 'alert' | 'status';
  children: ReactNode;
}

/** A sentence on a page that is to be seen before the rest. */
export function Note({ tone, action, role, children }: NoteProps) {
  const Icon = icons[tone];
  return (
    <div className={classes.note} data-tone={tone} role={role}>
      <Icon size={18} stroke={1.75} aria-hidden />
      <div className={classes.text}>{children}</div>
      {action && <div className={classes.action}>{action}</div>}
    </div>
  );
}
