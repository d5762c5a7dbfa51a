import { Button } from '@mantine/core';

import { ActionButton } from '@/components/ActionButton';
import { Panel } from '@/components/Panel';
import type { Follower } from '@/features/destinations/api/followers';
import { useSinkRefusal } from '@/features/destinations/api/permission';
import type { SinkPlace } from '@/features/destinations/api/sinks';
import { useSinkWork } from '@/features/destinations/api/useSinkWork';
import classes from '@/features/destinations/components/Destinations.module.css';
import { nameOf } from '@/features/destinations/components/destinationWords';
import { digits } from '@/lib/number';
import { sentence } from '@/lib/sentence';
import { exactTime } from '@/lib/time';

interface BrokenSinkProps {
  at: SinkPlace;
  follower: Follower;
  onEdit: () => void;
}

/** What is wrong with a store, what it means for those who read it, and what to do. */
export function BrokenSink({ at, follower, onEdit }: BrokenSinkProps) {
  const name = nameOf(follower);
  const { test } = useSinkWork(at, name);
  const refused = useSinkRefusal(at, at.id, 'updateConfiguration');
  return (
    <Panel title={`${name} is not kept current`}>
      <div className={classes.text}>
        <p>
          <b>{sentence(follower.error ?? 'The reason is not known')}</b>{' '}
          <span className={classes.quiet}>
            {follower.revision > 0
              ? `SDKs that read from it keep the members of ${exactTime(follower.since)} and report stale data after 2 minutes.`
              : 'It was never filled: SDKs that read from it find no members, or those that were there, and report stale data.'}{' '}
            Everything else is unaffected.
          </span>
        </p>
        <p className={classes.quiet}>
          muster keeps trying{follower.revision > 0 ? ` and will continue behind revision ${digits(follower.revision)}` : ' and will fill it as soon as it can'}. Nothing is lost.
        </p>
        <div className={classes.row}>
          <ActionButton variant="default" size="compact-md" refused={refused} loading={test.isPending} onClick={() => test.mutate()}>Test connection</ActionButton>
          <Button variant="default" size="compact-md" onClick={onEdit}>Edit</Button>
        </div>
      </div>
    </Panel>
  );
}
