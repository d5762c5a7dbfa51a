import { TextInput } from '@mantine/core';
import { useMutation, useQuery } from '@tanstack/react-query';
import { useState } from 'react';

import { ActionButton } from '@/components/ActionButton';
import { ConfirmDialog } from '@/components/ConfirmDialog';
import { Note } from '@/components/Note';
import { Panel } from '@/components/Panel';
import { useDecided, useHoldAgain } from '@/features/segments/api/decide';
import { useRefusal } from '@/features/segments/api/permission';
import { discardRun, releaseRun, runDiffQuery, type Run } from '@/features/segments/api/runs';
import { segmentQuery, usesQuery, type SegmentPlace } from '@/features/segments/api/segment';
import classes from '@/features/segments/components/DecidePanel.module.css';
import { environmentQuery } from '@/lib/api/environment';
import { counted, digits } from '@/lib/number';
import { sentence } from '@/lib/sentence';
import { exactTime } from '@/lib/time';
import { toast } from '@/lib/toast';
import { toolName } from '@/lib/api/tools';

/** Releases a held sync or discards it. Neither is the usual thing to do, and waiting is safe. */
export function DecidePanel({ at, run }: { at: SegmentPlace; run: Run }) {
  const [comment, setComment] = useState('');
  const [asking, ask] = useState(false);
  const { data: segment } = useQuery(segmentQuery(at));
  const { data: uses } = useQuery(usesQuery(at));
  const { data: diff } = useQuery(runDiffQuery(at, run._id));
  const { data: environment } = useQuery(environmentQuery(at));
  const refused = useRefusal(at, 'overrideShrinkGuard');
  const would = { removed: diff?.removed ?? run.hold?.would.removed ?? 0, added: diff?.added ?? run.hold?.would.added ?? 0 };
  const members = segment?._unboundedMetadata?.includedCount;
  const on = uses?.items.filter((use) => use.on).length ?? 0;
  const decided = useDecided(at);
  const holdAgain = useHoldAgain(at, run._id);
  const release = useMutation({
    mutationFn: () => releaseRun(at, run._id, comment),
    onSuccess: (now) => {
      ask(false);
      decided(now);
      toast(`Released: ${counted(now.removed, 'member')} left and ${digits(now.added)} joined.`);
    },
  });
  const discard = useMutation({
    mutationFn: () => discardRun(at, run._id, comment),
    onSuccess: (now) => {
      decided(now);
      const freshAt = segment?._muster?.freshAt;
      toast(
        `Discarded. ${members === undefined ? 'The members' : `The ${counted(members, 'member')}`}${freshAt === undefined ? '' : ` of ${exactTime(freshAt)}`} stay.`,
        now.holdableUntil === undefined ? undefined : { run: () => void holdAgain() },
      );
    },
  });
  const act = would.removed > 0 ? `remove ${digits(would.removed)}` : `add ${digits(would.added)}`;
  return (
    <Panel title="Decide">
      <div className={classes.body}>
        <p>Does this look right? Check the audience {run.tool ? `in ${toolName(run.tool)} ` : ''}first if you are not sure. Waiting is safe.</p>
        <TextInput label="Note for the audit log" placeholder="Optional" value={comment} onChange={(event) => setComment(event.currentTarget.value)} maxLength={1000} />
        <div>
          <ActionButton variant="default" fullWidth className={classes.release} refused={refused} onClick={() => ask(true)}>Release: {act}…</ActionButton>
          <p className={classes.hint}>Applies the sync now. You can roll back afterwards.</p>
        </div>
        <div>
          <ActionButton variant="default" fullWidth refused={refused} loading={discard.isPending} onClick={() => discard.mutate()}>Discard this sync</ActionButton>
          <p className={classes.hint}>Keeps today’s members. The next sync{run.tool ? ` from ${toolName(run.tool)}` : ''} is checked again.</p>
        </div>
        {discard.error && <Note tone="bad" role="alert">{sentence(discard.error.message)}</Note>}
      </div>
      <ConfirmDialog
        opened={asking} onClose={() => ask(false)} title="Release this sync?" danger confirm={`Release and ${act}`} onConfirm={() => release.mutate()}
        busy={release.isPending} error={release.error}
      >
        <p>
          <b>{counted(would.removed, 'member leaves', 'members leave')}</b> {segment?.name ?? at.segment}{would.added > 0 && <> and <b>{digits(would.added)} join</b></>},
          in {environment?.name ?? at.environment}, at once. {on === 0 ? 'No flag that is on uses it' : counted(on, 'flag that is on follows', 'flags that are on follow')}.
        </p>
      </ConfirmDialog>
    </Panel>
  );
}
