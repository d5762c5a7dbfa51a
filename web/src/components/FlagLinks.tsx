import { Link } from '@tanstack/react-router';

import classes from '@/components/FlagLinks.module.css';
import type { Place } from '@/lib/place';

interface FlagLinksProps {
  place: Place;
  /** Each with where or how it uses what it is named for: "rule 2, off". */
  flags: readonly { key: string; name: string; how: string }[];
}

/** Flags that use something, by name. */
export function FlagLinks({ place, flags }: FlagLinksProps) {
  return (
    <ul className={classes.flags}>
      {flags.map((flag) => (
        <li key={flag.key}>
          <Link to="/projects/$project/environments/$environment/flags/$flag" params={{ ...place, flag: flag.key }}>{flag.name}</Link>{' '}
          <span>{flag.how}</span>
        </li>
      ))}
    </ul>
  );
}
