import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';

import { Note } from '@/components/Note';
import classes from '@/features/segments/components/HeldSyncs.module.css';
import { summaryQuery } from '@/lib/api/summary';
import { counted, digits } from '@/lib/number';
import type { Place } from '@/lib/place';

const shown = 3;

/** Says which syncs wait for a person: up to three, and how many more. */
export function HeldSyncs({ place }: { place: Place }) {
  const { data } = useQuery(summaryQuery(place));
  const held = data?.held;
  if (!held || held.totalCount === 0) return null;
  const more = held.totalCount - Math.min(shown, held.items.length);
  return (
    <div className={classes.held}>
      <Note tone="held">
        <b>{counted(held.totalCount, 'sync is', 'syncs are')} held.</b> Nothing has changed yet.
        <ul>
          {held.items.slice(0, shown).map((segment) => (
            <li key={segment.segmentKey}>
              {segment.name}
              {segment.hold && (segment.hold.reason === 'growth' ? ' would grow by more than the guard allows.' : ` would lose ${digits(segment.hold.removed)} of ${counted(segment.members, 'member')}.`)}{' '}
              {segment.hold && (
                <Link
                  to="/projects/$project/environments/$environment/segments/$segment/syncs/$run" params={{ ...place, segment: segment.segmentKey, run: segment.hold.runId }}
                  aria-label={`Review ${segment.name}`}
                >
                  Review
                </Link>
              )}
            </li>
          ))}
          {more > 0 && <li>and {digits(more)} more</li>}
        </ul>
      </Note>
    </div>
  );
}
