import { useQuery } from '@tanstack/react-query';

import { ErrorState } from '@/components/ErrorState';
import { Freshness } from '@/components/Freshness';
import { Panel } from '@/components/Panel';
import { sdksQuery } from '@/features/flags/api/evaluations';
import classes from '@/features/flags/components/Evaluations.module.css';
import { counted } from '@/lib/number';
import type { Place } from '@/lib/place';

/** The SDKs that report from the environment. They do not say which flags each of them evaluates. */
export function ReportingSDKs({ place }: { place: Place }) {
  const { data: sdks, error, refetch } = useQuery(sdksQuery(place));
  return (
    <Panel title="SDKs that reported here">
      {error && !sdks && <ErrorState title="The SDKs could not be loaded." error={error} onRetry={() => void refetch()} />}
      {sdks?.length === 0 && <p className={classes.none}>No SDK has sent events from this environment yet.</p>}
      {sdks && sdks.length > 0 && (
        <ul className={classes.sdks}>
          {sdks.map((sdk) => (
            <li key={`${sdk.name} ${sdk.version}`}>
              <span><b>{sdk.name}</b> {sdk.version}</span>
              <span className={classes.seen}>{sdk.instances > 0 && `${counted(sdk.instances, 'instance')}, `}<Freshness at={sdk.lastSeen} /> ago</span>
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}
