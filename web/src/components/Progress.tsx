import classes from '@/components/Progress.module.css';
import { digits } from '@/lib/number';
import { shortDuration } from '@/lib/time';

interface ProgressProps {
  /** 0 to 100; undefined when the whole is not known. */
  percent: number | undefined;
  /** How many of what have been counted. */
  done: number;
  /** What is counted: "received". */
  what: string;
  /** Milliseconds, once there is a rate of two seconds or more to tell it from. */
  left?: number;
}

/** How far a sync is. When nobody knows how long it is, only what has been counted. */
export function Progress({ percent, done, what, left }: ProgressProps) {
  const counted = `${digits(done)} ${what}`;
  const shown = percent === undefined ? undefined : Math.min(100, Math.max(0, Math.floor(percent)));
  return (
    <div className={classes.progress}>
      <div
        className={classes.track} role="progressbar" aria-label="Sync progress" aria-valuemin={0} aria-valuemax={100} aria-valuenow={shown}
        aria-valuetext={shown === undefined ? counted : `${shown} %, ${counted}`}
      >
        {shown !== undefined && <div className={classes.bar} style={{ width: `${shown}%` }} />}
      </div>
      <div className={classes.text}>
        <span>{shown === undefined ? counted : `${shown} % · ${counted}`}</span>
        {left !== undefined && <span>about {shortDuration(Math.max(1000, left))} left</span>}
      </div>
    </div>
  );
}
