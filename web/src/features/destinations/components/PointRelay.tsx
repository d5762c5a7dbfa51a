import { useQuery } from '@tanstack/react-query';

import { CodeBlock } from '@/components/CodeBlock';
import { Note } from '@/components/Note';
import classes from '@/features/destinations/components/Destinations.module.css';
import { environmentQuery } from '@/lib/api/environment';
import { toolsQuery } from '@/lib/api/tools';
import type { Place } from '@/lib/place';

/** How a Relay Proxy is pointed here: there is nothing to create, it stands in the list from its first call on. */
export function PointRelay({ place }: { place: Place }) {
  const { data: environment } = useQuery(environmentQuery(place));
  const { data: tools } = useQuery(toolsQuery);
  const base = tools?.publicUrl ?? window.location.origin;
  const local = ['localhost', '127.0.0.1', '[::1]'].includes(new URL(base).hostname);
  const name = place.environment.replaceAll(/[^A-Za-z0-9]/g, '_');
  const settings = [
    `BASE_URI=${base}`, `STREAM_URI=${base}`, `CLIENT_SIDE_BASE_URI=${base}`, `EVENTS_HOST=${base}`, 'USE_EVENTS=1', 'USE_REDIS=1', 'REDIS_URL=redis://redis:6379',
    ...(environment ? [
      `LD_ENV_${name}=${environment.apiKey}`, `LD_MOBILE_KEY_${name}=${environment.mobileKey}`, `LD_CLIENT_SIDE_ID_${name}=${environment._id}`, `LD_PREFIX_${name}=${environment._id}`,
    ] : []),
  ].join('\n');
  return (
    <div className={classes.text}>
      <p>An unmodified ld-relay 8 takes muster for LaunchDarkly and keeps the members in a Redis or DynamoDB of its own. Nothing is created here: it stands in the list from its first call on.</p>
      <CodeBlock label="Settings of ld-relay" code={settings} secret={environment && [environment.apiKey, environment.mobileKey]} />
      <p className={classes.quiet}>All four addresses, always: what is missing goes to LaunchDarkly, with your keys. One prefix for each relay. Start it with <code>ld-relay --from-env</code>.</p>
      {local && <Note tone="warn">The address is this machine’s own. A relay elsewhere needs the public address of muster in its place.</Note>}
    </div>
  );
}
