import { useMutation, useQueryClient } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';

import { ActionButton } from '@/components/ActionButton';
import { ConfirmDialog } from '@/components/ConfirmDialog';
import { Note } from '@/components/Note';
import { Panel } from '@/components/Panel';
import { changeSource, forgetSource, sourceName, sourceQuery, type Source } from '@/features/sources/api/source';
import type { SourceSearch } from '@/features/sources/api/search';
import classes from '@/features/sources/components/Source.module.css';
import { inEnvironment } from '@/lib/api/environment';
import { counted } from '@/lib/number';
import type { Place } from '@/lib/place';
import { sentence } from '@/lib/sentence';
import { toast } from '@/lib/toast';

const route = getRouteApi('/shell/projects/$project/environments/$environment/sources/$source');

interface SourceEndProps {
  place: Place;
  environment: string;
  source: Source;
  refused: string | undefined;
}

/** Refuses the calls of a source until it is connected again, or forgets it. */
export function SourceEnd({ place, environment, source, refused }: SourceEndProps) {
  const client = useQueryClient();
  const { dialog } = route.useSearch();
  const navigate = route.useNavigate();
  const show = (next: SourceSearch['dialog']) => void navigate({ search: (before) => ({ ...before, dialog: next }), resetScroll: false });
  const name = sourceName(source);
  const segments = counted(source.segments, 'segment');
  const members = counted(source.members, 'member');
  const connect = useMutation({
    mutationFn: (connected: boolean) => changeSource(place, source.key, { connected }),
    onSuccess: (saved) => {
      client.setQueryData(sourceQuery(place, source.key).queryKey, saved);
      void client.invalidateQueries({ queryKey: inEnvironment(place, 'sources', 'list') });
      toast(saved.connected ? `Connected ${name} again. Its next call is taken.` : `Disconnected ${name}. Its ${members} stay.`);
      show(undefined);
    },
  });
  const forget = useMutation({
    mutationFn: () => forgetSource(place, source.key),
    onSuccess: async () => {
      await navigate({ to: '/projects/$project/environments/$environment/sources', params: place, search: {} });
      toast(`Forgot ${name}. Its ${segments} stay, as lists that you keep.`);
      for (const what of ['sources', 'segments', 'segment', 'summary', 'guard']) void client.invalidateQueries({ queryKey: inEnvironment(place, what) });
    },
  });
  return (
    <Panel title={source.connected ? 'Disconnect' : 'Disconnected'}>
      <div className={classes.part}>
        <p className={classes.small}>
          {source.connected
            ? 'Its calls are refused until somebody connects it again. Its segments keep their members.'
            : `Every call of ${name} is refused with 403. Its ${segments} keep their ${members} and do not change.`}
        </p>
        {connect.error && dialog === undefined && <Note tone="bad" role="alert">{sentence(connect.error.message)}</Note>}
        <div className={classes.row}>
          {source.connected
            ? <ActionButton variant="default" refused={refused} onClick={() => show('disconnect')}>Disconnect…</ActionButton>
            : <ActionButton refused={refused} loading={connect.isPending} onClick={() => connect.mutate(true)}>Connect again</ActionButton>}
          <ActionButton variant="subtle" refused={refused} onClick={() => show('forget')}>Forget…</ActionButton>
        </div>
      </div>
      <ConfirmDialog
        opened={dialog === 'disconnect'} onClose={() => show(undefined)} title={`Disconnect ${name} from ${environment}?`} confirm="Disconnect"
        onConfirm={() => connect.mutate(false)} busy={connect.isPending} error={connect.error}
      >
        <p>
          {segments} {source.segments === 1 ? 'keeps its' : 'keep their'} {members} and {source.segments === 1 ? 'stops' : 'stop'} changing.
          {source.flags !== undefined && source.flags > 0 && ` ${counted(source.flags, 'flag targets', 'flags target')} them and ${source.flags === 1 ? 'stays' : 'stay'} as ${source.flags === 1 ? 'it is' : 'they are'}.`}
          {' '}Its calls are refused with 403. You can connect it again here.
        </p>
      </ConfirmDialog>
      <ConfirmDialog
        opened={dialog === 'forget'} onClose={() => show(undefined)} title={`Forget ${name}?`} confirm={`Forget and keep ${segments}`} danger typed={source.key}
        onConfirm={() => forget.mutate()} busy={forget.isPending} error={forget.error}
      >
        <p>
          {segments} with {members} {source.segments === 1 ? 'becomes a list' : 'become lists'} that you keep by hand. Its name and its guard are gone.
          {' '}If {name} calls again and its token still works, it is a source again and takes them over: delete the token first.
        </p>
      </ConfirmDialog>
    </Panel>
  );
}
