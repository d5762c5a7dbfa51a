import type { ReactNode } from 'react';

import classes from '@/components/Panel.module.css';

interface PanelProps {
  title?: string;
  /** Right in the head, beside the title. */
  actions?: ReactNode;
  /** Without padding, for a table that reaches the edges. */
  flush?: boolean;
  children: ReactNode;
}

/** A box on the page with a title of its own. */
export function Panel({ title, actions, flush = false, children }: PanelProps) {
  return (
    <section className={classes.panel} aria-label={title}>
      {title !== undefined && (
        <div className={classes.head}>
          <h2>{title}</h2>
          {actions && <div className={classes.actions}>{actions}</div>}
        </div>
      )}
      <div className={flush ? classes.flush : classes.body}>{children}</div>
    </section>
  );
}
