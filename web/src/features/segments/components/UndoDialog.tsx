import { Button, Group, Modal } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';

import { DiffStrip } from '@/components/DiffStrip';
import { ErrorState } from '@/components/ErrorState';
import { Note } from '@/components/Note';
import { toolOf } from '@/features/segments/api/facts';
import type { Run } from '@/features/segments/api/runs';
import { ofSegment, segmentQuery, type SegmentPlace } from '@/features/segments/api/segment';
import { undoQuery, undoRun, type Undo } from '@/features/segments/api/undo';
import classes from '@/features/segments/components/History.module.css';
import { TouchedFlags } from '@/features/segments/components/TouchedFlags';
import { environmentQuery } from '@/lib/api/environment';
import { counted, digits } from '@/lib/number';
import { sentence } from '@/lib/sentence';
import { exactTime } from '@/lib/time';
import { toast } from '@/lib/toast';

interface UndoDialogProps {
  at: SegmentPlace;
  run: Run;
  opened: boolean;
  onClose: () => void;
}

/** Shows what undoing a sync does, to whom, and does it. */
export function UndoDialog({ at, run, opened, onClose }: UndoDialogProps) {
  const { data: segment } = useQuery(segmentQuery(at));
  const { data: environment } = useQuery(environmentQuery(at));
  return (
    <Modal opened={opened} onClose={onClose} size={640} radius={12} closeButtonProps={{ 'aria-label': 'Close' }} title={`Undo the sync of ${exactTime(run.receivedAt)}?`}>
      <p className={classes.head}>{segment?.name ?? at.segment} in <b>{environment?.name ?? at.environment}</b>. Whoever this sync changed becomes what they were before it. Every reader switches within about 100 ms.</p>
      <Preview at={at} run={run} onClose={onClose} />
    </Modal>
  );
}

function Preview({ at, run, onClose }: Omit<UndoDialogProps, 'opened'>) {
  const client = useQueryClient();
  const { data: segment } = useQuery(segmentQuery(at));
  // What is undone can't be undone again: from then on the dialog need not ask what it would do.
  const [sent, setSent] = useState(false);
  const { data: would, error, isPlaceholderData, refetch } = useQuery({
    ...undoQuery(at, run._id, segment?._muster?.revision), enabled: !sent, placeholderData: (before) => before,
  });
  const tool = toolOf(segment);
  const undo = useMutation({
    mutationFn: (seen: Undo) => undoRun(at, run._id, seen.revision),
    onMutate: () => setSent(true),
    onSuccess: async (done) => {
      onClose();
      toast(`Undone: ${resultOf(done)}.`);
      client.removeQueries({ queryKey: ofSegment(at, 'run', run._id, 'undo') });
      await client.invalidateQueries({ queryKey: ofSegment(at) });
    },
    onError: () => {
      setSent(false);
      return refetch();
    },
  });
  const nothing = would !== undefined && would.added + would.removed === 0;
  return (
    <div className={classes.body}>
      {error && <ErrorState title="This sync can’t be undone. Nothing has changed." error={error} onRetry={() => void refetch()} />}
      {!would && !error && <div className={classes.skeleton} role="img" aria-label="Working out what undoing it does" />}
      {would && !error && (
        <DiffStrip
          now={segment?._unboundedMetadata?.includedCount} leave={would.removed} join={would.added}
          labels={{ join: 'Will come back' }} samples={{ leave: would.samples.removed, join: would.samples.added }}
        />
      )}
      {would && would.changedSince > 0 && (
        <Note tone="info">{counted(would.changedSince, 'member was', 'members were')} changed again since, and {would.changedSince === 1 ? 'stays' : 'stay'} as {would.changedSince === 1 ? 'it is' : 'they are'}.</Note>
      )}
      <TouchedFlags at={at} members={would && would.added + would.removed} />
      {tool && (
        <Note tone="info">
          {tool} does not know about this. Its next delta applies on top; the segment stays marked <b>Drifted</b> until its next full sync.
        </Note>
      )}
      {undo.error && <Note tone="bad" role="alert">{sentence(undo.error.message)}</Note>}
      <Group justify="flex-end" gap={8}>
        <Button variant="default" onClick={onClose} data-autofocus>Cancel</Button>
        <Button
          loading={undo.isPending} disabled={!would || error !== null || isPlaceholderData || nothing}
          title={nothing ? 'Everybody whom it changed was changed again since' : undefined} onClick={() => would && undo.mutate(would)}
        >
          Undo: {would ? actOf(would) : 'this sync'}
        </Button>
      </Group>
    </div>
  );
}

/** What it does, for its button: "12 leave, 3 come back". */
function actOf(would: Undo): string {
  const parts = [would.removed > 0 && `${digits(would.removed)} leave`, would.added > 0 && `${digits(would.added)} come back`];
  return parts.filter(Boolean).join(', ') || 'nothing is left';
}

/** What it did: "12 members left, 3 came back, 1 stays". */
function resultOf(done: Run): string {
  const stay = done.unchanged > 0 ? `, ${digits(done.unchanged)} ${done.unchanged === 1 ? 'stays' : 'stay'}` : '';
  return `${counted(done.removed, 'member')} left and ${digits(done.added)} came back${stay}`;
}
