import { useMutation, useQuery } from '@tanstack/react-query';
import { useState } from 'react';

import { ActionButton } from '@/components/ActionButton';
import { ConfirmDialog } from '@/components/ConfirmDialog';
import { followersQuery, resync } from '@/features/destinations/api/followers';
import { environmentQuery } from '@/lib/api/environment';
import { useRefusedHere } from '@/lib/api/permission';
import { summaryQuery } from '@/lib/api/summary';
import { counted, digits } from '@/lib/number';
import type { Place } from '@/lib/place';
import { toast } from '@/lib/toast';

/** Has all relays and stores take every member anew, for one that lost some. */
export function ResyncAll({ place }: { place: Place }) {
  const [opened, setOpened] = useState(false);
  const refused = useRefusedHere(place, 'updateEnvironmentSettings');
  const { data: followers } = useQuery(followersQuery(place));
  const { data: summary } = useQuery(summaryQuery(place));
  const { data: environment } = useQuery(environmentQuery(place));
  const count = (kind: string) => followers?.items.filter((one) => one.kind === kind).reduce((sum, one) => sum + one.count, 0) ?? 0;
  const again = useMutation({
    mutationFn: () => resync(place),
    onSuccess: (done) => {
      setOpened(false);
      const later = done.sinksWaiting > 0 ? ` ${counted(done.sinksWaiting, 'store does', 'stores do')} so when resumed or turned on.` : '';
      toast(`${counted(done.relays, 'relay', 'relays')} and ${counted(done.sinks, 'store', 'stores')} take all members once more, up to revision ${digits(done.revision)}.${later}`);
    },
  });
  return (
    <>
      <ActionButton variant="default" size="compact-md" refused={refused} onClick={() => setOpened(true)}>Resync</ActionButton>
      <ConfirmDialog
        opened={opened} onClose={() => setOpened(false)} title={`Send all members of ${environment?.name ?? place.environment} again?`}
        confirm={`Resync ${counted(count('relay'), 'relay')} and ${counted(count('sink'), 'store')}`} onConfirm={() => again.mutate()} busy={again.isPending} error={again.error}
      >
        <p>
          {summary ? counted(summary.members, 'member') : 'Every member'} will be sent once more to all relays and stores of the environment: a relay cannot be asked alone. Readers
          keep using what is there meanwhile.
        </p>
      </ConfirmDialog>
    </>
  );
}
