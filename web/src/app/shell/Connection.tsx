import { useQuery } from '@tanstack/react-query';

import classes from '@/app/shell/Connection.module.css';
import { statusQuery } from '@/app/shell/status';
import { useLiveState } from '@/lib/live/useLive';
import { digits } from '@/lib/number';
import type { Place } from '@/lib/place';
import { exactTime } from '@/lib/time';

/** The foot of the navigation: whether news arrive, from which version, and how far the log is. */
export function Connection({ place }: { place: Place }) {
  const state = useLiveState();
  const { data, dataUpdatedAt } = useQuery(statusQuery(place));
  return (
    <footer className={classes.foot}>
      <p className={classes.state} data-state={state} role="status">
        {state === 'connected' ? 'Connected' : state === 'connecting' ? 'Connecting…' : `Reconnecting… showing data of ${exactTime(dataUpdatedAt)}`}
      </p>
      {data && <p>muster {data.version}{data.revision !== undefined && ` · revision ${digits(data.revision)}`}</p>}
    </footer>
  );
}
