import { Checkbox } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';

import { ConfirmDialog } from '@/components/ConfirmDialog';
import { followersQuery, type Follower } from '@/features/destinations/api/followers';
import type { Question } from '@/features/destinations/api/search';
import { deleteSink, rebuildSink, type SinkPlace } from '@/features/destinations/api/sinks';
import { nameOf } from '@/features/destinations/components/destinationWords';
import { EditDestination } from '@/features/destinations/components/EditDestination';
import { inEnvironment } from '@/lib/api/environment';
import { summaryQuery } from '@/lib/api/summary';
import { counted, digits } from '@/lib/number';
import { toast } from '@/lib/toast';

interface SinkQuestionsProps {
  at: SinkPlace;
  follower: Follower;
  ask: Question | undefined;
  onClose: () => void;
  /** The store is no more. */
  onGone: () => void;
}

/** What is asked about a store before something that has consequences. */
export function SinkQuestions({ at, follower, ask, onClose, onGone }: SinkQuestionsProps) {
  const name = nameOf(follower);
  return (
    <>
      <EditDestination at={at} name={name} opened={ask === 'edit'} onClose={onClose} />
      <Rebuild at={at} name={name} blocked={follower.state === 'failed'} opened={ask === 'rebuild'} onClose={onClose} />
      <Remove at={at} name={name} opened={ask === 'remove'} onClose={onClose} onGone={onGone} />
    </>
  );
}

interface QuestionProps {
  at: SinkPlace;
  name: string;
  opened: boolean;
  onClose: () => void;
}

function Rebuild({ at, name, blocked, opened, onClose }: QuestionProps & { blocked: boolean }) {
  const client = useQueryClient();
  const { data: summary } = useQuery(summaryQuery(at));
  const [takeOver, setTakeOver] = useState(false);
  const rebuild = useMutation({
    mutationFn: () => rebuildSink(at, takeOver),
    onSuccess: () => {
      onClose();
      toast(`${name} takes ${summary ? `all ${counted(summary.members, 'member')}` : 'all members'} once more.`);
      void client.invalidateQueries({ queryKey: followersQuery(at).queryKey });
      void client.invalidateQueries({ queryKey: inEnvironment(at, 'sink', at.id) });
    },
  });
  return (
    <ConfirmDialog
      opened={opened} onClose={onClose} title={`Fill ${name} from the start?`} typed={name} busy={rebuild.isPending} error={rebuild.error}
      confirm={summary ? `Rebuild with ${counted(summary.members, 'member')}` : 'Rebuild'} onConfirm={() => rebuild.mutate()}
    >
      <p>
        {summary ? counted(summary.members, 'member') : 'Every member'} will be written once more, and what does not belong there is removed. Readers keep using it meanwhile, and
        changes go on to arrive.
      </p>
      {blocked && (
        <Checkbox
          mt={12} label="Take it over if somebody else keeps it, such as a Relay Proxy" checked={takeOver} onChange={(event) => setTakeOver(event.currentTarget.checked)}
        />
      )}
    </ConfirmDialog>
  );
}

function Remove({ at, name, opened, onClose, onGone }: QuestionProps & { onGone: () => void }) {
  const client = useQueryClient();
  const { data: summary } = useQuery(summaryQuery(at));
  const remove = useMutation({
    mutationFn: () => deleteSink(at),
    onSuccess: () => {
      onGone();
      toast(`Removed ${name}. What was written stays in the store.`);
      void client.invalidateQueries({ queryKey: followersQuery(at).queryKey });
      void client.invalidateQueries({ queryKey: inEnvironment(at, 'sinks') });
    },
  });
  return (
    <ConfirmDialog
      opened={opened} onClose={onClose} title={`Remove ${name}?`} typed={name} danger confirm={`Remove ${name}`} onConfirm={() => remove.mutate()} busy={remove.isPending} error={remove.error}
    >
      <p>
        Nothing will be written to it any more. {summary ? `The ${digits(summary.members)} members` : 'The members'} that are there stay, and SDKs that read it report stale data after 2
        minutes. Its settings and secrets are deleted here.
      </p>
    </ConfirmDialog>
  );
}
