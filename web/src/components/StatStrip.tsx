import type { ReactNode } from 'react';

import classes from '@/components/StatStrip.module.css';

/** Figures side by side, the first of them the one people came for. */
export function StatStrip({ children }: { children: ReactNode }) {
  return <dl className={classes.strip}>{children}</dl>;
}

interface StatProps {
  label: string;
  /** What stands below the figure: when it was true, what is usual. */
  under?: ReactNode;
  /** The number of the page. */
  hero?: boolean;
  children: ReactNode;
}

export function Stat({ label, under, hero = false, children }: StatProps) {
  return (
    <div>
      <dt>{label}</dt>
      <dd className={hero ? classes.hero : classes.figure}>{children}</dd>
      {under !== undefined && <dd className={classes.under}>{under}</dd>}
    </div>
  );
}
