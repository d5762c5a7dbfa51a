import { useQuery } from '@tanstack/react-query';

import { StatePill } from '@/components/StatePill';
import { usesQuery, type SegmentPlace } from '@/features/segments/api/segment';
import { AllFlags } from '@/features/segments/components/AllFlags';
import classes from '@/features/segments/components/History.module.css';
import { counted } from '@/lib/number';

/** How many of the flags that it touches are named. */
const mostTouched = 10;

/** The flags that follow when members change; members: how many do, undefined while that is not known. */
export function TouchedFlags({ at, members }: { at: SegmentPlace; members: number | undefined }) {
  const { data: uses } = useQuery(usesQuery(at));
  if (!uses || uses.items.length === 0) return null;
  return (
    <section aria-label="What this touches">
      <h3>What this touches</h3>
      <ul className={classes.touches}>
        {uses.items.slice(0, mostTouched).map((use) => (
          <li key={use.flagKey}>
            <StatePill state={use.on ? 'live' : 'off'} word={use.on ? 'On' : 'Off'} />
            {use.name}
            {use.rules.some((rule) => rule.negated)
              ? <span className={classes.hint}>uses “not in”: opposite effect</span>
              : use.on && members !== undefined && <span className={classes.hint}>{counted(members, 'member')} may see a different variation</span>}
          </li>
        ))}
      </ul>
      {uses.totalCount > mostTouched && <AllFlags at={at} total={uses.totalCount} />}
    </section>
  );
}
