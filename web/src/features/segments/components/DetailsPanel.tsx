import { Textarea, TextInput } from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';

import { DetailsForm, hintBelow } from '@/components/DetailsForm';
import { TagsField } from '@/components/TagsField';
import { toolOf } from '@/features/segments/api/facts';
import { useRefusal } from '@/features/segments/api/permission';
import { detailsOf, ofSegment, saveDetails, segmentQuery, type Followed, type SegmentPlace } from '@/features/segments/api/segment';
import { tagsQuery, type Segment } from '@/features/segments/api/segments';
import { detailWords, savedWords } from '@/features/segments/components/detailsWords';
import classes from '@/features/segments/components/DetailsPanel.module.css';
import { FollowHint } from '@/features/segments/components/FollowHint';
import { inEnvironment } from '@/lib/api/environment';
import { ApiError } from '@/lib/api/error';
import { toast } from '@/lib/toast';
import { useDetails } from '@/lib/useDetails';

/** The words of a segment. What somebody edits here no sync changes any more. */
export function DetailsPanel({ at, segment }: { at: SegmentPlace; segment: Segment }) {
  const client = useQueryClient();
  const { data: tags } = useQuery(tagsQuery);
  const tool = toolOf(segment);
  const refused = { name: useRefusal(at, 'updateName'), description: useRefusal(at, 'updateDescription'), tags: useRefusal(at, 'updateTags') };
  const present = detailsOf(segment);
  const details = useDetails(present, {
    save: (before, after) => saveDetails(at, before, after),
    isOvertaken,
    onSaved: (saved, changes) => {
      client.setQueryData(segmentQuery(at).queryKey, saved);
      toast(savedWords(changes, tool));
      void client.invalidateQueries({ queryKey: inEnvironment(at, 'segments') });
      void client.invalidateQueries({ queryKey: ['tags'] });
    },
    onOvertaken: () => client.invalidateQueries({ queryKey: ofSegment(at, 'details') }),
  });
  const { edited, edit, changes } = details;
  const empty = edited.name.trim() === '';
  const hint = (field: Followed) => tool && <FollowHint at={at} segment={segment} field={field} free={changes.length === 0} />;
  return (
    <DetailsForm details={details} of="segment" words={(name) => detailWords(name, present)} ready={!empty}>
      <TextInput
        label="Name" value={edited.name} onChange={(event) => edit({ name: event.currentTarget.value })} maxLength={256} inputWrapperOrder={hintBelow}
        description={refused.name ?? hint('name')} readOnly={refused.name !== undefined} error={empty && 'Type a name.'}
      />
      <Textarea
        label="Description" value={edited.description} onChange={(event) => edit({ description: event.currentTarget.value })} autosize minRows={3} maxRows={12}
        inputWrapperOrder={hintBelow} description={refused.description ?? hint('description')} readOnly={refused.description !== undefined}
      />
      <TagsField value={edited.tags} onChange={(value) => edit({ tags: value })} offered={tags ?? []} refused={refused.tags} />
      <div className={classes.fixed}>
        <TextInput label="Key" value={segment.key} readOnly description="Flags refer to it, so it never changes." inputWrapperOrder={hintBelow} />
        {segment.unbounded && (
          <TextInput
            label="Context kind" value={segment.unboundedContextKind ?? 'user'} readOnly inputWrapperOrder={hintBelow}
            description={tool ? 'Fixed by the first sync.' : 'Fixed when the segment was made.'}
          />
        )}
      </div>
    </DetailsForm>
  );
}

/** Each detail is tested for what it was: a patch that does not apply means that it is another by now. */
function isOvertaken(error: Error): boolean {
  return error instanceof ApiError && error.code === 'invalid_patch';
}
