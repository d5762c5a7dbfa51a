import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';

import { Columns } from '@/components/Columns';
import { GuardPanel } from '@/components/GuardPanel';
import { Panel } from '@/components/Panel';
import classes from '@/features/settings/components/Settings.module.css';
import { environmentQuery } from '@/lib/api/environment';
import { useRefusedHere } from '@/lib/api/permission';
import { usePlace } from '@/lib/place';

/** The limits that the segments of an environment have unless their source or they themselves have others. */
export function GuardTab() {
  const place = usePlace();
  const { data: environment } = useQuery(environmentQuery(place));
  const refused = useRefusedHere(place, 'updateGuard', ':segment/*');
  return (
    <Columns aside={(
      <Panel title="Which limit counts">
        <div className={classes.text}>
          <p>The nearest one: that of the segment, then that of its source, then this.</p>
          <p>A sync that is held changes nothing, and its tool is told that it succeeded. <Link to="/projects/$project/environments/$environment/syncs" params={place} search={{ state: 'held' }}>Held syncs</Link> wait for a person.</p>
        </div>
      </Panel>
    )}
    >
      <GuardPanel of={place} title={`Guard of ${environment?.name ?? place.environment}`} refused={refused} />
    </Columns>
  );
}
