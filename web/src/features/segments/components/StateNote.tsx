import { Link } from '@tanstack/react-router';

import { Note } from '@/components/Note';
import type { SegmentPlace } from '@/features/segments/api/segment';
import type { Segment } from '@/features/segments/api/segments';
import classes from '@/features/segments/components/HeldSyncs.module.css';
import { holdWords } from '@/features/segments/components/runWords';
import { sentence } from '@/lib/sentence';

const run = '/projects/$project/environments/$environment/segments/$segment/syncs/$run';

/** Says on every page of a segment what waits for a person or went wrong, and leads to it. */
export function StateNote({ at, segment }: { at: SegmentPlace; segment: Segment }) {
  const muster = segment._muster;
  if (muster?.hold) {
    return (
      <div className={classes.held}>
        <Note tone="held" action={<Link to={run} params={{ ...at, run: muster.hold.runId }}>Review the held sync</Link>}>
          <b>A sync is held: it {holdWords(muster.hold)}.</b> Nothing has changed yet.
        </Note>
      </div>
    );
  }
  if (muster?.state !== 'failed' || muster.lastRun === undefined) return null;
  return (
    <div className={classes.held}>
      <Note tone="bad" action={<Link to={run} params={{ ...at, run: muster.lastRun._id }}>See this sync</Link>}>
        <b>The last sync failed, and nothing changed.</b> {muster.error !== undefined && sentence(muster.error)}
      </Note>
    </div>
  );
}
