import classes from '@/components/Count.module.css';
import { exactTime } from '@/lib/time';
import { digits, signed } from '@/lib/number';

interface CountProps {
  /** undefined: not known yet. null: does not apply here. */
  value: number | null | undefined;
  /** When it was true, Unix milliseconds. */
  asOf?: number;
  revision?: number;
  /** A change, with its sign and its colour. */
  change?: boolean;
  /** It would apply but was not: held or discarded. Stands in brackets. */
  unapplied?: boolean;
}

/** A number, exact, with the moment it was true in its title. */
export function Count({ value, asOf, revision, change = false, unapplied = false }: CountProps) {
  if (value === undefined) return <span className={classes.skeleton} role="img" aria-label="Not known yet" />;
  if (value === null) return <span className={classes.none}>–</span>;
  const text = change ? signed(value) : digits(value);
  const moment = [asOf === undefined ? '' : `as of ${exactTime(asOf)}`, revision === undefined ? '' : `revision ${digits(revision)}`]
    .filter(Boolean).join(', ');
  return (
    <span className={classes.count} data-sign={unapplied ? 'none' : change ? Math.sign(value) : undefined} title={moment || undefined}>
      {unapplied ? `(${text})` : text}
    </span>
  );
}
