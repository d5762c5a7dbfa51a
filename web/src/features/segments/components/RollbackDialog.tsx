import { Button, Group, Modal } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';

import { DiffStrip } from '@/components/DiffStrip';
import { ErrorState } from '@/components/ErrorState';
import { Note } from '@/components/Note';
import { spanOf } from '@/components/runWords';
import { toolOf } from '@/features/segments/api/facts';
import { useRefusal } from '@/features/segments/api/permission';
import { current, pointChangesPath, pointDiffQuery, pointsQuery, publishPoint, type Point } from '@/features/segments/api/points';
import { ofSegment, segmentQuery, type SegmentPlace } from '@/features/segments/api/segment';
import { DownloadDiff } from '@/features/segments/components/DownloadDiff';
import classes from '@/features/segments/components/History.module.css';
import { TouchedFlags } from '@/features/segments/components/TouchedFlags';
import { environmentQuery } from '@/lib/api/environment';
import { counted, digits } from '@/lib/number';
import { failureSentence, sentence } from '@/lib/sentence';
import { exactTime } from '@/lib/time';
import { toast } from '@/lib/toast';

interface RollbackDialogProps {
  at: SegmentPlace;
  /** The point to go back to; undefined: the dialog is closed. */
  point: Point | undefined;
  now: Point | undefined;
  onClose: () => void;
}

/** Shows what a rollback does, to whom, and does it. */
export function RollbackDialog({ at, point, now, onClose }: RollbackDialogProps) {
  const { data: segment } = useQuery(segmentQuery(at));
  const { data: environment } = useQuery(environmentQuery(at));
  return (
    <Modal opened={point !== undefined} onClose={onClose} size={640} radius={12} closeButtonProps={{ 'aria-label': 'Close' }} title={point && `Roll back to before ${exactTime(point.sealedAt)}?`}>
      {point && (
        <>
          <p className={classes.head}>{segment?.name ?? at.segment} in <b>{environment?.name ?? at.environment}</b>. Every reader switches within about 100 ms.</p>
          <Preview at={at} point={point} now={now} onClose={onClose} />
        </>
      )}
    </Modal>
  );
}

function Preview({ at, point, now, onClose }: { at: SegmentPlace; point: Point; now: Point | undefined; onClose: () => void }) {
  const client = useQueryClient();
  const { data: segment } = useQuery(segmentQuery(at));
  const refused = useRefusal(at, 'rollbackSegment');
  const revision = segment?._muster?.revision ?? now?.revision;
  const { data: diff, error, isPlaceholderData, refetch } = useQuery({ ...pointDiffQuery(at, point._id, current, revision), placeholderData: (before) => before });
  const [began] = useState(revision);
  const tool = toolOf(segment);
  const again = () => client.invalidateQueries({ queryKey: ofSegment(at) });
  const undo = async () => {
    const { items } = await client.query({ ...pointsQuery(at), staleTime: 0 });
    const before = items.find((one) => !one.current);
    if (!before) throw new Error('there is no point to go forward to');
    await publishPoint(at, before._id, 'Undo of a rollback');
    toast(`Rolled forward to ${counted(before.members, 'member')}.`);
    await again();
  };
  const publish = useMutation({
    mutationFn: async () => {
      const start = performance.now();
      await publishPoint(at, point._id);
      return performance.now() - start;
    },
    onSuccess: async (took) => {
      onClose();
      toast(`Rolled back to ${counted(point.members, 'member')} in ${spanOf(took)}.`, {
        run: () => void undo().catch((failure: unknown) => toast(`Nothing was undone. ${failureSentence(failure)}`)),
      });
      await again();
    },
  });
  return (
    <div className={classes.body}>
      {error && !diff && <ErrorState title="The difference could not be worked out. Nothing has changed." error={error} onRetry={() => void refetch()} />}
      {!diff && !error && now && (
        <p className={classes.hint} role="status">
          {counted(now.members, 'member')} now, {digits(point.members)} after. Who leaves and who comes back is being counted, which takes some seconds where there are many.
        </p>
      )}
      {!diff && !error && <div className={classes.skeleton} role="img" aria-label="Working out the difference" />}
      {diff && <DiffStrip now={diff.unchanged + diff.removed} leave={diff.removed} join={diff.added} labels={{ join: 'Will come back' }} samples={{ leave: diff.samples.removed, join: diff.samples.added }} />}
      {diff && <div><DownloadDiff at={at} path={pointChangesPath(point._id, current)} /></div>}
      {diff && revision !== began && <Note tone="info" role="status">Updated: a sync came in between, and these are the figures now.</Note>}
      <TouchedFlags at={at} members={diff && diff.added + diff.removed} />
      {segment?._muster?.state === 'syncing' && <Note tone="warn">A full sync is running. Rolling back drops it.</Note>}
      {tool && (
        <Note tone="info">
          {tool} does not know about this. Its next delta applies on top; the segment stays marked <b>Drifted</b> until its next full sync. You can roll forward again from History.
        </Note>
      )}
      {publish.error && <Note tone="bad" role="alert">{sentence(publish.error.message)}</Note>}
      <Group justify="flex-end" gap={8}>
        <Button variant="default" onClick={onClose} data-autofocus>Cancel</Button>
        <Button
          loading={publish.isPending} disabled={!diff || isPlaceholderData || refused !== undefined} title={refused ?? (diff ? undefined : 'The difference is still being worked out')}
          onClick={() => publish.mutate()}
        >
          Roll back to {digits(point.members)} members
        </Button>
      </Group>
    </div>
  );
}
