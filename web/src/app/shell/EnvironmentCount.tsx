import { useQuery } from '@tanstack/react-query';

import classes from '@/app/shell/EnvironmentCount.module.css';
import { summaryQuery } from '@/lib/api/summary';
import type { Place } from '@/lib/place';
import { digits } from '@/lib/number';

/** How many there are of what a link of the navigation leads to; nothing while that is not known. */
export function EnvironmentCount({ place, of }: { place: Place; of: string }) {
  const { data } = useQuery(summaryQuery(place));
  const count = { Flags: data?.flags, Segments: data?.segments, Syncs: data?.held.totalCount }[of];
  if (count === undefined || (of === 'Syncs' && count === 0)) return null;
  return (
    <span className={of === 'Syncs' ? classes.held : classes.count} aria-hidden>
      {digits(count)}{of === 'Syncs' && ' held'}
    </span>
  );
}
