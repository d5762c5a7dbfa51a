import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';

import { AskPanel } from '@/components/AskPanel';
import { ConfirmDialog } from '@/components/ConfirmDialog';
import { evaluationsOf } from '@/features/flags/api/buckets';
import { evaluationsQuery } from '@/features/flags/api/evaluations';
import { flagQuery, instructFlag, ofFlag, type FlagPlace } from '@/features/flags/api/flag';
import type { Flag } from '@/features/flags/api/flags';
import { useRefusal } from '@/features/flags/api/permission';
import { InTheWay, useInTheWay } from '@/features/flags/components/InTheWay';
import { environmentQuery, inEnvironment } from '@/lib/api/environment';
import { counted } from '@/lib/number';
import { toast } from '@/lib/toast';

/** Takes a flag away from SDKs and keeps all of it, or gives it back. */
export function ArchivePanel({ at, flag }: { at: FlagPlace; flag: Flag }) {
  const client = useQueryClient();
  const [asking, ask] = useState(false);
  const { data: environment } = useQuery(environmentQuery(at));
  const { data: evaluations } = useQuery({ ...evaluationsQuery(at, '24h'), enabled: asking });
  const refused = useRefusal(at, 'updateGlobalArchived');
  const inTheWay = useInTheWay(at);
  const change = useMutation({
    mutationFn: () => instructFlag(at, [{ kind: flag.archived ? 'restoreFlag' : 'archiveFlag' }]),
    onSuccess: (saved) => {
      ask(false);
      client.setQueryData(flagQuery(at).queryKey, saved);
      void client.invalidateQueries({ queryKey: ofFlag(at, 'history') });
      void client.invalidateQueries({ queryKey: inEnvironment(at, 'flags') });
      toast(saved.archived ? `Archived ${saved.name}.` : `Restored ${saved.name}.`);
    },
  });
  return (
    <AskPanel
      title={flag.archived ? 'Restore flag' : 'Archive flag'} action={flag.archived ? 'Restore flag…' : 'Archive flag…'} refused={refused ?? (flag.archived ? undefined : inTheWay)} onAsk={() => ask(true)}
      dialog={(
        <ConfirmDialog
          opened={asking} onClose={() => ask(false)} title={`${flag.archived ? 'Restore' : 'Archive'} ${flag.name}?`} confirm={flag.archived ? 'Restore flag' : 'Archive flag'}
          onConfirm={() => change.mutate()} busy={change.isPending} error={change.error}
        >
          <p>
            {flag.archived
              ? 'SDKs in every environment serve what its targeting says again.'
              : `SDKs in every environment serve the default in their code.${evaluations && environment ? ` ${counted(evaluationsOf(evaluations), 'evaluation')} in the last 24 h in ${environment.name}.` : ''}`}
          </p>
        </ConfirmDialog>
      )}
    >
      <p>{flag.archived
        ? 'SDKs do not see it. Restored, it serves what it did in every environment.'
        : 'SDKs stop seeing it and serve the default in their code. All of it is kept, and it can be restored.'}
      </p>
      {!flag.archived && <InTheWay at={at} />}
    </AskPanel>
  );
}
