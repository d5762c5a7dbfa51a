import { useMutation } from '@tanstack/react-query';

import { ActionButton } from '@/components/ActionButton';
import { Note } from '@/components/Note';
import { useHoldAgain } from '@/features/segments/api/decide';
import { useRefusal } from '@/features/segments/api/permission';
import type { Run } from '@/features/segments/api/runs';
import type { SegmentPlace } from '@/features/segments/api/segment';
import { toolName } from '@/lib/api/tools';
import { exactTime } from '@/lib/time';

/** Says that somebody decided against a sync, and takes that back as long as it can be. */
export function DiscardedNote({ at, run }: { at: SegmentPlace; run: Run }) {
  const refused = useRefusal(at, 'overrideShrinkGuard');
  const again = useMutation({ mutationFn: useHoldAgain(at, run._id) });
  const until = run.holdableUntil;
  return (
    <Note
      tone="info"
      action={until !== undefined && <ActionButton variant="default" refused={refused} loading={again.isPending} onClick={() => again.mutate()}>Hold again</ActionButton>}
    >
      <b>Discarded: nothing changed.</b> {run.tool ? `${toolName(run.tool)} does not know about this: its next sync applies on top, and is checked again.` : 'The members stay as they were.'}
      {until !== undefined && ` It can be held again until ${exactTime(until)}.`}
    </Note>
  );
}
