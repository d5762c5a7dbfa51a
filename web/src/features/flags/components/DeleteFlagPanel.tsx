import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';

import { AskPanel } from '@/components/AskPanel';
import { ConfirmDialog } from '@/components/ConfirmDialog';
import { evaluationsOf } from '@/features/flags/api/buckets';
import { evaluationsQuery } from '@/features/flags/api/evaluations';
import { deleteFlag, ofFlag, type FlagPlace } from '@/features/flags/api/flag';
import type { Flag } from '@/features/flags/api/flags';
import { useRefusal } from '@/features/flags/api/permission';
import { InTheWay, useInTheWay } from '@/features/flags/components/InTheWay';
import { environmentQuery, inEnvironment } from '@/lib/api/environment';
import { counted } from '@/lib/number';
import { toast } from '@/lib/toast';

/** Ends a flag that no other flag needs; else names those that do. */
export function DeleteFlagPanel({ at, flag }: { at: FlagPlace; flag: Flag }) {
  const client = useQueryClient();
  const navigate = useNavigate();
  const [asking, ask] = useState(false);
  const { data: environment } = useQuery(environmentQuery(at));
  const { data: evaluations } = useQuery({ ...evaluationsQuery(at, '24h'), enabled: asking });
  const refused = useRefusal(at, 'deleteFlag');
  const inTheWay = useInTheWay(at);
  const remove = useMutation({
    mutationFn: () => deleteFlag(at),
    onSuccess: async () => {
      await navigate({ to: '/projects/$project/environments/$environment/flags', params: at });
      client.removeQueries({ queryKey: ofFlag(at) });
      void client.invalidateQueries({ queryKey: inEnvironment(at, 'flags') });
      toast(`Deleted ${flag.name}.`);
    },
  });
  const count = Object.keys(flag.environments ?? {}).length;
  return (
    <AskPanel
      title="Delete flag" action="Delete flag…" refused={refused ?? inTheWay} onAsk={() => ask(true)}
      dialog={(
        <ConfirmDialog
          opened={asking} onClose={() => ask(false)} title={`Delete ${flag.name}?`} confirm="Delete flag" danger typed={flag.key}
          onConfirm={() => remove.mutate()} busy={remove.isPending} error={remove.error}
        >
          <p>
            SDKs in every environment serve the default in their code.
            {evaluations && environment && ` ${counted(evaluationsOf(evaluations), 'evaluation')} in the last 24 h in ${environment.name}.`}
          </p>
        </ConfirmDialog>
      )}
    >
      <p>The flag and its targeting go in {count === 1 ? 'its environment' : counted(count, 'environment')}. This cannot be undone.</p>
      <InTheWay at={at} />
    </AskPanel>
  );
}
