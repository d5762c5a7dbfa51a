import { Button } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';

import { Note } from '@/components/Note';
import { Panel } from '@/components/Panel';
import { endOtherSessions, type Session } from '@/features/settings/api/account';
import classes from '@/features/settings/components/Settings.module.css';
import { sentence } from '@/lib/sentence';
import { exactTime } from '@/lib/time';
import { toast } from '@/lib/toast';

/** When the session ends by itself, and how to end the others. */
export function SessionsPanel({ session }: { session: Session }) {
  const end = useMutation({ mutationFn: endOtherSessions, onSuccess: () => toast('Ended your other sessions.') });
  return (
    <Panel title="Sessions">
      <div className={classes.fields}>
        <div className={classes.text}>
          {session.idleExpiresAt !== undefined && (
            <p>Unused, this session ends {exactTime(session.idleExpiresAt)}.{session.expiresAt !== undefined && ` However much it is used, it ends ${exactTime(session.expiresAt)}.`}</p>
          )}
          <p>{session.token ? 'Others that were begun with this token can be ended here.' : 'Others that were begun with your password can be ended here.'}</p>
        </div>
        {end.error && <Note tone="bad" role="alert">{sentence(end.error.message)}</Note>}
        <div><Button variant="default" loading={end.isPending} onClick={() => end.mutate()}>End all other sessions</Button></div>
      </div>
    </Panel>
  );
}
