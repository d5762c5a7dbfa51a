import { Button } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';

import { ErrorState } from '@/components/ErrorState';
import { Happening, Happenings } from '@/components/Happenings';
import { Panel } from '@/components/Panel';
import { timelineQuery, type Context, type ContextChange } from '@/features/contexts/api/contexts';
import { causeOf, verbOf } from '@/features/contexts/components/changeWords';
import classes from '@/features/contexts/components/Contexts.module.css';
import { toolName } from '@/lib/api/tools';
import { digits } from '@/lib/number';
import type { Place } from '@/lib/place';
import { exactTime } from '@/lib/time';

/** How many changes are shown until somebody wants all. */
const atFirst = 30;

/** When a context joined and left segments, and by whom: newest first, over all segments. */
export function ContextPast({ place, context }: { place: Place; context: Context }) {
  const [all, setAll] = useState(false);
  const { data: timeline, error, refetch } = useQuery(timelineQuery(place, context));
  if (error && !timeline) return <Panel title="Timeline"><ErrorState title="Its past could not be loaded." error={error} onRetry={() => void refetch()} /></Panel>;
  if (!timeline) return null;
  const shown = all ? timeline.items : timeline.items.slice(0, atFirst);
  return (
    <Panel title="Timeline">
      {timeline.items.length === 0
        ? <p className={classes.none}>No segment has named this key since {exactTime(timeline.completeSince)}.</p>
        : (
            <>
              <Happenings label="Timeline">
                {shown.map((change) => <Change key={`${change.revision}-${change.segmentKey}`} place={place} change={change} />)}
              </Happenings>
              {shown.length < timeline.items.length && <Button variant="subtle" size="compact-md" onClick={() => setAll(true)}>Show all {digits(timeline.items.length)} changes</Button>}
              <p className={classes.since}>Complete since {exactTime(timeline.completeSince)}, but for segments that were deleted.</p>
            </>
          )}
    </Panel>
  );
}

function Change({ place, change }: { place: Place; change: ContextChange }) {
  return (
    <Happening
      at={exactTime(change.at)} tone={change.change === 'added' ? 'add' : change.change === 'removed' ? 'remove' : undefined}
      title={<>{verbOf(change)} <Link to="/projects/$project/environments/$environment/segments/$segment" params={{ ...place, segment: change.segmentKey }}>{change.name}</Link></>}
    >
      {causeOf(change, change.tool ? toolName(change.tool) : undefined)}
      {change.runId !== undefined && (
        <> in <Link to="/projects/$project/environments/$environment/segments/$segment/syncs/$run" params={{ ...place, segment: change.segmentKey, run: change.runId }}>this sync</Link></>
      )}
    </Happening>
  );
}
