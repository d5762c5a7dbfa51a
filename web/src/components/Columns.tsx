import type { ReactNode } from 'react';

import classes from '@/components/Columns.module.css';

/** The content and, beside it from 1100 px, what explains it, if anything does; below that width it comes after. */
export function Columns({ aside, children }: { aside: ReactNode; children: ReactNode }) {
  return (
    <div className={classes.columns}>
      <div className={classes.column}>{children}</div>
      {aside && <div className={classes.column}>{aside}</div>}
    </div>
  );
}
