import { Checkbox, Textarea, TextInput } from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';

import { DetailsForm, hintBelow } from '@/components/DetailsForm';
import { TagsField } from '@/components/TagsField';
import { detailsOf } from '@/features/flags/api/details';
import { flagQuery, ofFlag, saveDetails, type FlagPlace } from '@/features/flags/api/flag';
import { flagTagsQuery, type Flag } from '@/features/flags/api/flags';
import { useRefusal } from '@/features/flags/api/permission';
import { detailWords, isOvertaken } from '@/features/flags/components/detailWords';
import classes from '@/features/flags/components/FlagDetailsPanel.module.css';
import { MaintainerField } from '@/features/flags/components/MaintainerField';
import { inEnvironment } from '@/lib/api/environment';
import { toast } from '@/lib/toast';
import { useDetails } from '@/lib/useDetails';

/** What the flag is called, who may evaluate it, who answers for it. */
export function FlagDetailsPanel({ at, flag }: { at: FlagPlace; flag: Flag }) {
  const client = useQueryClient();
  const { data: tags = [] } = useQuery(flagTagsQuery);
  const refused = {
    name: useRefusal(at, 'updateName'), description: useRefusal(at, 'updateDescription'), tags: useRefusal(at, 'updateTags'),
    availability: useRefusal(at, 'updateClientSideFlagAvailability'), temporary: useRefusal(at, 'updateTemporary'), maintainer: useRefusal(at, 'updateMaintainer'),
  };
  const present = detailsOf(flag);
  const details = useDetails(present, {
    save: (before, after) => saveDetails(at, before, after),
    isOvertaken,
    onSaved: (saved) => {
      client.setQueryData(flagQuery(at).queryKey, saved);
      toast('Saved.');
      void client.invalidateQueries({ queryKey: ofFlag(at, 'history') });
      void client.invalidateQueries({ queryKey: inEnvironment(at, 'flags') });
      void client.invalidateQueries({ queryKey: ['tags'] });
    },
    onOvertaken: () => client.invalidateQueries({ queryKey: ofFlag(at, 'details') }),
  });
  const { edited, edit } = details;
  const empty = edited.name.trim() === '';
  return (
    <DetailsForm details={details} of="flag" words={(name) => detailWords(name, present)} ready={!empty}>
      <TextInput
        label="Name" value={edited.name} onChange={(event) => edit({ name: event.currentTarget.value })} maxLength={256} inputWrapperOrder={hintBelow}
        description={refused.name} readOnly={refused.name !== undefined} error={empty && 'Type a name.'}
      />
      <TextInput label="Key" value={flag.key} readOnly description="Code refers to it, so it never changes." inputWrapperOrder={hintBelow} />
      <Textarea
        label="Description" value={edited.description} onChange={(event) => edit({ description: event.currentTarget.value })} autosize minRows={3} maxRows={12}
        inputWrapperOrder={hintBelow} description={refused.description} readOnly={refused.description !== undefined}
      />
      <TagsField value={edited.tags} onChange={(value) => edit({ tags: value })} offered={tags} refused={refused.tags} />
      <MaintainerField value={edited.maintainer} onChange={(maintainer) => edit({ maintainer })} refused={refused.maintainer} />
      <fieldset className={classes.checks}>
        <legend>Who may evaluate it beside server-side SDKs</legend>
        <Checkbox
          label="SDKs with the client-side ID" description={refused.availability ?? 'Browsers: whoever opens the page can see what it serves.'} checked={edited.browser}
          disabled={refused.availability !== undefined} onChange={(event) => edit({ browser: event.currentTarget.checked })}
        />
        <Checkbox
          label="SDKs with the mobile key" description={refused.availability ?? 'Apps on phones and desktops.'} checked={edited.mobile}
          disabled={refused.availability !== undefined} onChange={(event) => edit({ mobile: event.currentTarget.checked })}
        />
      </fieldset>
      <Checkbox
        label="Temporary" description={refused.temporary ?? 'It leaves the code one day, for example after a rollout.'} checked={edited.temporary}
        disabled={refused.temporary !== undefined} onChange={(event) => edit({ temporary: event.currentTarget.checked })}
      />
    </DetailsForm>
  );
}
