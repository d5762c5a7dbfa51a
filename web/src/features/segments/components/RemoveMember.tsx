import { useMutation, useQueryClient } from '@tanstack/react-query';

import { ActionButton } from '@/components/ActionButton';
import { addMembers, removeMembers } from '@/features/segments/api/members';
import { ofSegment, type SegmentPlace } from '@/features/segments/api/segment';
import { middleCut } from '@/lib/cut';
import { failureSentence, sentence } from '@/lib/sentence';
import { toast } from '@/lib/toast';

/** Takes one member out by hand; the toast holds the way back. */
export function RemoveMember({ at, contextKey, refused }: { at: SegmentPlace; contextKey: string; refused: string | undefined }) {
  const client = useQueryClient();
  const again = () => void client.invalidateQueries({ queryKey: ofSegment(at) });
  const undo = () => {
    addMembers(at, [contextKey]).then(again, (failure: unknown) => toast(`Nobody was added again. ${failureSentence(failure)}`));
  };
  const remove = useMutation({
    mutationFn: () => removeMembers(at, [contextKey]),
    onSuccess: () => {
      again();
      toast(`Removed ${middleCut(contextKey, 40)}.`, { run: undo });
    },
    onError: (error) => toast(`Nobody was removed. ${sentence(error.message)}`),
  });
  return (
    <ActionButton variant="subtle" size="compact-md" refused={refused} loading={remove.isPending} onClick={() => remove.mutate()}>
      Remove
    </ActionButton>
  );
}
