import { IconPin, IconPinnedOff } from '@tabler/icons-react';
import { useMutation, useQueryClient } from '@tanstack/react-query';

import { ActionButton } from '@/components/ActionButton';
import { useRefusal } from '@/features/segments/api/permission';
import { keepPoint, pointsQuery, type Point } from '@/features/segments/api/points';
import type { SegmentPlace } from '@/features/segments/api/segment';
import classes from '@/features/segments/components/History.module.css';
import { nameOfPoint } from '@/features/segments/components/pointWords';
import { sentence } from '@/lib/sentence';
import { toast } from '@/lib/toast';

/** Makes a point stay, or lets go of it. */
export function KeepPoint({ at, point }: { at: SegmentPlace; point: Point }) {
  const client = useQueryClient();
  const refused = useRefusal(at, 'rollbackSegment');
  const keep = useMutation({
    mutationFn: () => keepPoint(at, point._id, !point.kept),
    onSuccess: (saved) => {
      client.setQueryData(pointsQuery(at).queryKey, (points) => points && { ...points, items: points.items.map((one) => (one._id === saved._id ? saved : one)) });
      toast(saved.kept ? 'Kept. This point stays until somebody lets go of it.' : 'Let go. This point goes when it is too old or newer ones are too many.');
    },
  });
  const word = point.kept ? 'Let go' : 'Keep this one';
  return (
    <>
      <ActionButton
        variant="subtle" size="compact-sm" refused={refused} loading={keep.isPending} onClick={() => keep.mutate()} aria-label={`${word}: ${nameOfPoint(point)}`}
        leftSection={point.kept ? <IconPinnedOff size={15} aria-hidden /> : <IconPin size={15} aria-hidden />}
      >
        {word}
      </ActionButton>
      {keep.error && <p className={classes.refused} role="alert">{sentence(keep.error.message)}</p>}
    </>
  );
}
