import { Tooltip } from '@mantine/core';
import {
  IconAlertTriangle, IconCheck, IconClock, IconGitBranch, IconMinus, IconPlayerPause, IconRefresh, IconX, type Icon,
} from '@tabler/icons-react';

import classes from '@/components/StatePill.module.css';

/** What something is doing. Each has one icon and one colour everywhere. */
export type State = 'live' | 'syncing' | 'held' | 'behind' | 'drifted' | 'stale' | 'failed' | 'off';

const looks: Record<State, { icon: Icon; tone: string; word: string }> = {
  live: { icon: IconCheck, tone: 'ok', word: 'Live' },
  syncing: { icon: IconRefresh, tone: 'work', word: 'Syncing' },
  held: { icon: IconPlayerPause, tone: 'warn', word: 'Held' },
  behind: { icon: IconAlertTriangle, tone: 'warn', word: 'Behind' },
  drifted: { icon: IconGitBranch, tone: 'warn', word: 'Drifted' },
  stale: { icon: IconClock, tone: 'idle', word: 'Stale' },
  failed: { icon: IconX, tone: 'bad', word: 'Failed' },
  off: { icon: IconMinus, tone: 'idle', word: 'Off' },
};

interface StatePillProps {
  state: State;
  /** Another word of the same state: "Up to date", "Syncing 64 %", "Behind 23", "Refused, 401". */
  word?: string;
  /** The sentence behind it, on hover and focus. */
  why?: string;
}

/** A state as icon and word, never colour alone. */
export function StatePill({ state, word, why }: StatePillProps) {
  const look = looks[state];
  const text = word ?? look.word;
  const Mark = look.icon;
  const pill = (
    <span className={classes.pill} data-tone={look.tone} role="img" aria-label={`State: ${text}${why ? `. ${why}` : ''}`} tabIndex={why ? 0 : undefined}>
      <Mark size={14} stroke={2} aria-hidden className={state === 'held' ? classes.ring : undefined} />
      <span aria-hidden>{text}</span>
    </span>
  );
  return why ? <Tooltip label={why} multiline maw={320} events={{ hover: true, focus: true, touch: true }}>{pill}</Tooltip> : pill;
}
