import { VisuallyHidden } from '@mantine/core';

import classes from '@/components/Freshness.module.css';
import { exactTime, longDuration, shortDuration } from '@/lib/time';
import { useAge } from '@/lib/useNow';

interface FreshnessProps {
  /** Unix milliseconds; undefined: it never happened. */
  at: number | undefined;
  /** What "never" is called here. */
  never?: string;
}

/** How long ago something was, ticking, with the exact time for who asks. */
export function Freshness({ at, never = 'never' }: FreshnessProps) {
  if (at === undefined || at === 0) return <span className={classes.never}>{never}</span>;
  return <Age at={at} />;
}

function Age({ at }: { at: number }) {
  const age = useAge(at);
  return (
    <time className={classes.age} dateTime={new Date(at).toISOString()} title={exactTime(at)}>
      <span aria-hidden>{shortDuration(age)}</span>
      <VisuallyHidden>{longDuration(age)} ago, {exactTime(at)}</VisuallyHidden>
    </time>
  );
}
