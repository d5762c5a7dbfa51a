import { TextInput } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';

import { AskPanel } from '@/components/AskPanel';
import { ConfirmDialog } from '@/components/ConfirmDialog';
import { moveSegment, segmentQuery, type SegmentPlace } from '@/features/segments/api/segment';
import type { Segment } from '@/features/segments/api/segments';
import classes from '@/features/segments/components/MovePanel.module.css';
import { moveWords } from '@/features/segments/components/moveWords';
import { useRefusedHere } from '@/lib/api/permission';
import { counted } from '@/lib/number';
import { toast } from '@/lib/toast';

/** Under which name readers find the members, and the way to another one. */
export function MovePanel({ at, segment }: { at: SegmentPlace; segment: Segment }) {
  const client = useQueryClient();
  const [asking, ask] = useState(false);
  const [comment, setComment] = useState('');
  const refused = useRefusedHere(at, 'updateEnvironmentSettings');
  const under = segment._muster?.generationMove;
  const name = `${segment.key}.g${segment.generation}`;
  const members = counted(segment._unboundedMetadata?.includedCount ?? 0, 'member');
  const begin = useMutation({
    mutationFn: () => moveSegment(at, comment),
    onSuccess: (generationMove) => {
      client.setQueryData(segmentQuery(at).queryKey, (known) => known && { ...known, _muster: known._muster && { ...known._muster, generationMove } });
      ask(false);
      setComment('');
      toast(`Began the move of ${members} to generation ${generationMove.to}.`);
    },
  });
  return (
    <AskPanel
      title="Generation" action="Move to a new generation…" refused={refused ?? (under && `It is moving to generation ${under.to} already.`)} onAsk={() => ask(true)}
      dialog={(
        <ConfirmDialog
          opened={asking} onClose={() => ask(false)} title={`Move ${segment.name} to a new generation?`} confirm={`Move ${members}`}
          onConfirm={() => begin.mutate()} busy={begin.isPending} error={begin.error}
        >
          <div className={classes.body}>
            <p>
              This is for a relay or a store that holds contexts under <code>{name}</code> of which muster knows nothing, when a resync was not enough.
            </p>
            <p>
              <b>Every relay and store takes {segment._unboundedMetadata ? `all ${members}` : 'all members'} once more</b>, under another name. Then SDKs ask for that one, and <code>{name}</code> is
              removed with whatever was left there. Readers see the same members throughout. A relay that takes in nothing for a while is not waited for; its SDKs may miss members until it has caught up.
            </p>
            <p>Once begun it can’t be called off.</p>
            <TextInput label="Note for the audit log" placeholder="Optional" value={comment} onChange={(event) => setComment(event.currentTarget.value)} maxLength={1000} w="100%" />
          </div>
        </ConfirmDialog>
      )}
    >
      <p>SDKs, relays and stores find the members under <code>{name}</code>. Move them only when a relay or a store holds leftovers that a resync did not clear.</p>
      {under && (
        <p>
          {moveWords(under)}{' '}
          <Link to="/projects/$project/environments/$environment/segments/$segment" params={at}>See how far it is</Link>
        </p>
      )}
    </AskPanel>
  );
}
