import { useQuery } from '@tanstack/react-query';

import { Panel } from '@/components/Panel';
import { Progress } from '@/components/Progress';
import { kindOf, looks } from '@/components/runWords';
import { StatePill } from '@/components/StatePill';
import { runsQuery } from '@/features/syncs/api/runs';
import { percentOf } from '@/features/syncs/components/percentOf';
import { nameOf, SegmentName } from '@/features/syncs/components/SegmentName';
import classes from '@/features/syncs/components/Syncs.module.css';
import type { Place } from '@/lib/place';

const shown = 20;

/** The syncs that are on their way, one line each; nothing while there are none. */
export function UnderWay({ place }: { place: Place }) {
  const { data: received } = useQuery(runsQuery(place, { state: 'received' }, shown));
  const { data: staged } = useQuery(runsQuery(place, { state: 'staged' }, shown));
  const runs = [...(staged?.items ?? []), ...(received?.items ?? [])];
  if (runs.length === 0) return null;
  return (
    <div className={classes.group}>
      <Panel title="Under way">
        <ul className={classes.lines}>
          {runs.map((run) => (
            <li key={run._id}>
              <SegmentName run={run} name={<span>{nameOf(run)}</span>} beside={kindOf(run)} />
              <div className={classes.what}><Progress percent={percentOf(run)} done={run.progress?.rows ?? run.received} what="received" /></div>
              <StatePill {...looks[run.state]} />
            </li>
          ))}
        </ul>
      </Panel>
    </div>
  );
}
