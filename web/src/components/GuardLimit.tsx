import { UnstyledButton } from '@mantine/core';
import type { ReactNode } from 'react';

import classes from '@/components/GuardPanel.module.css';

/** Where a limit was set. */
export type Origin = 'segment' | 'source' | 'environment' | 'default';

/** What says where an inherited limit comes from. */
const handedDown: Record<Origin, string> = { segment: 'from the segment', source: 'from the source', environment: 'from the environment', default: 'the default' };

interface GuardLimitProps {
  /** What it limits: "removals". */
  name: string;
  /** Where it was set, unless here. */
  from: Origin | undefined;
  /** Where its value will be from once it has none here; undefined while that is not known. */
  whom: Origin | undefined;
  /** Gives up the limit's own value; undefined where that cannot be done now. */
  onFollow: (() => void) | undefined;
  busy: boolean;
  /** The switch in front of the sentence. */
  toggle: ReactNode;
  children: ReactNode;
}

/** One limit of a guard: its value, and where it comes from or the way back to that. */
export function GuardLimit({ name, from, whom, onFollow, busy, toggle, children }: GuardLimitProps) {
  return (
    <div className={classes.limit} role="group" aria-label={`Limit on ${name}`}>
      {toggle}
      <div className={classes.sentence}>
        {children}
        {from !== undefined
          ? <span className={classes.inherited}>{handedDown[from]}</span>
          : onFollow && whom && <UnstyledButton className={classes.follow} onClick={onFollow} disabled={busy}>Follow the {whom} again</UnstyledButton>}
      </div>
    </div>
  );
}
