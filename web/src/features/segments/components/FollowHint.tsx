import { UnstyledButton } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';

import { toolOf } from '@/features/segments/api/facts';
import { followTool, segmentQuery, type Followed, type SegmentPlace } from '@/features/segments/api/segment';
import type { Segment } from '@/features/segments/api/segments';
import classes from '@/features/segments/components/DetailsPanel.module.css';
import { inEnvironment } from '@/lib/api/environment';
import { sentence } from '@/lib/sentence';
import { dayOf, exactTime } from '@/lib/time';
import { toast } from '@/lib/toast';

interface FollowHintProps {
  at: SegmentPlace;
  segment: Segment;
  field: Followed;
  /** Whether the field may follow again now: not while something is edited. */
  free: boolean;
}

/** Whether a detail follows the tool, and if not, who edited it, what the tool says, and the way back. */
export function FollowHint({ at, segment, field, free }: FollowHintProps) {
  const client = useQueryClient();
  const follow = useMutation({
    mutationFn: () => followTool(at, field),
    onSuccess: (saved) => {
      client.setQueryData(segmentQuery(at).queryKey, saved);
      toast(`The ${field} follows ${toolOf(saved) ?? 'the tool'} again.`);
      void client.invalidateQueries({ queryKey: inEnvironment(at, 'segments') });
    },
  });
  const tool = toolOf(segment);
  if (tool === undefined) return null;
  const edit = segment._muster?.edited?.[field];
  if (edit === undefined) return <>Follows {tool} until you edit it.</>;
  const there = field === 'name' ? segment._muster?.externalName : segment._muster?.externalDescription;
  return (
    <>
      {edit.by?.name !== undefined && edit.at !== undefined && <>Edited by {edit.by.name} on <time dateTime={new Date(edit.at).toISOString()} title={exactTime(edit.at)}>{dayOf(edit.at)}</time>. </>}
      {there ? `${tool} calls it “${there}”; syncs will not change this field. ` : 'Syncs will not change this field. '}
      {free && <UnstyledButton className={classes.follow} onClick={() => follow.mutate()} disabled={follow.isPending}>Follow the tool again</UnstyledButton>}
      {follow.error && <span role="alert" className={classes.refused}>{sentence(follow.error.message)}</span>}
    </>
  );
}
