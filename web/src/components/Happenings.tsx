import type { ReactNode } from 'react';

import classes from '@/components/Happenings.module.css';

/** What happened one after the other, the newest first. */
export function Happenings({ label, children }: { label: string; children: ReactNode }) {
  return <ol className={classes.list} aria-label={label}>{children}</ol>;
}

interface HappeningProps {
  tone?: 'add' | 'remove' | 'warn';
  title: ReactNode;
  /** When it was. */
  at: ReactNode;
  children?: ReactNode;
}

export function Happening({ tone, title, at, children }: HappeningProps) {
  return (
    <li className={classes.item} data-tone={tone}>
      <div className={classes.head}>
        <b>{title}</b>
        <span>{at}</span>
      </div>
      {children !== undefined && <div className={classes.text}>{children}</div>}
    </li>
  );
}
