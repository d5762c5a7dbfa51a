import { VisuallyHidden } from '@mantine/core';
import type { ReactNode } from 'react';

import classes from '@/features/sources/components/Steps.module.css';

/** Steps below each other, all to be seen from the beginning. */
export function Steps({ children }: { children: ReactNode }) {
  return <ol className={classes.steps}>{children}</ol>;
}

interface StepProps {
  title: string;
  /** later: an earlier one comes first. */
  state: 'done' | 'on' | 'later';
  beside?: ReactNode;
  children: ReactNode;
}

export function Step({ title, state, beside, children }: StepProps) {
  return (
    <li className={classes.step} data-state={state} aria-current={state === 'on' ? 'step' : undefined}>
      <div className={classes.head}>
        <h2>{title}</h2>
        {state === 'done' && <VisuallyHidden>Done</VisuallyHidden>}
        {beside}
      </div>
      <div className={classes.body}>{children}</div>
    </li>
  );
}
