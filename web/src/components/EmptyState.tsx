import type { ReactNode } from 'react';

import classes from '@/components/EmptyState.module.css';

interface EmptyStateProps {
  /** What is missing. */
  title: string;
  /** One sentence: why it matters, or what to do. */
  children: ReactNode;
  /** The primary way on, then the second. */
  actions?: ReactNode;
}

/** What stands where there is nothing to show yet. */
export function EmptyState({ title, children, actions }: EmptyStateProps) {
  return (
    <div className={classes.empty}>
      <h2>{title}</h2>
      <p>{children}</p>
      {actions && <div className={classes.actions}>{actions}</div>}
    </div>
  );
}
