import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';

import { Freshness } from '@/components/Freshness';
import { Panel } from '@/components/Panel';
import { runsQuery, type Run } from '@/features/syncs/api/runs';
import { nameOf, SegmentName } from '@/features/syncs/components/SegmentName';
import classes from '@/features/syncs/components/Syncs.module.css';
import { counted, digits } from '@/lib/number';
import type { Place } from '@/lib/place';

const shown = 20;

/** The syncs that wait for a person; nothing while there are none. */
export function HeldRuns({ place }: { place: Place }) {
  const { data } = useQuery(runsQuery(place, { state: 'held' }, shown));
  if (!data || data.totalCount === 0) return null;
  const more = data.totalCount - data.items.length;
  return (
    <div className={classes.group}>
      <Panel title={`Held, ${counted(data.totalCount, 'sync waits', 'syncs wait')} for a person`}>
        <ul className={classes.lines}>
          {data.items.map((run) => (
            <li key={run._id}>
              <SegmentName run={run} name={<span>{nameOf(run)}</span>} />
              <span className={classes.what}>{wouldDo(run)} Nothing has changed. Held for <Freshness at={run.receivedAt} /></span>
              <Link
                to="/projects/$project/environments/$environment/segments/$segment/syncs/$run" params={{ ...place, segment: run.segmentKey, run: run._id }}
                aria-label={`Review ${nameOf(run)}`}
              >
                Review
              </Link>
            </li>
          ))}
          {more > 0 && <li>and {digits(more)} more</li>}
        </ul>
      </Panel>
    </div>
  );
}

function wouldDo({ hold }: Run): string {
  if (!hold) return 'The guard keeps it out.';
  const { added, removed, members } = hold.would;
  if (hold.reason === 'growth') return `Would add ${counted(added, 'member')}, which makes ${digits(members)}.`;
  return `Would remove ${counted(removed, 'member')} and leave ${digits(members)}.`;
}
