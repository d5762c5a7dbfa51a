import type { ReactNode } from 'react';

import classes from '@/components/RowName.module.css';
import { middleCut } from '@/lib/cut';

interface RowNameProps {
  /** The link, whose text is the name. */
  children: ReactNode;
  /** Stands beneath. Long keys are cut in the middle and whole in the title. */
  under: string;
}

/** The first cell of a row: the name that leads on, and the key beneath it. */
export function RowName({ children, under }: RowNameProps) {
  return (
    <div className={classes.name}>
      <div className={classes.link}>{children}</div>
      <div className={classes.key} title={under}>{middleCut(under, 48)}</div>
    </div>
  );
}
