import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';

import { AskPanel } from '@/components/AskPanel';
import { ConfirmDialog } from '@/components/ConfirmDialog';
import { FlagLinks } from '@/components/FlagLinks';
import { membersOf, toolOf } from '@/features/segments/api/facts';
import { useRefusal } from '@/features/segments/api/permission';
import { deleteSegment, usesQuery, type SegmentPlace } from '@/features/segments/api/segment';
import type { Segment } from '@/features/segments/api/segments';
import { inEnvironment } from '@/lib/api/environment';
import { counted } from '@/lib/number';
import { toast } from '@/lib/toast';

/** Ends a segment that no flag uses; else names the flags that do. */
export function DeletePanel({ at, segment }: { at: SegmentPlace; segment: Segment }) {
  const client = useQueryClient();
  const navigate = useNavigate();
  const [asking, ask] = useState(false);
  const { data: uses } = useQuery(usesQuery(at));
  const refused = useRefusal(at, 'deleteSegment');
  const using = uses?.totalCount ?? 0;
  const inUse = using === 1 ? 'One flag uses this segment. Remove it from its rules first.' : `${counted(using, 'flag')} use this segment. Remove it from their rules first.`;
  const remove = useMutation({
    mutationFn: () => deleteSegment(at),
    onSuccess: async () => {
      await navigate({ to: '/projects/$project/environments/$environment/segments', params: at });
      void client.invalidateQueries({ queryKey: inEnvironment(at, 'segments') });
      toast(`Deleted ${segment.name}.`);
    },
  });
  const members = membersOf(segment);
  const tool = toolOf(segment);
  return (
    <AskPanel
      title="Delete segment" action="Delete segment…" onAsk={() => ask(true)}
      refused={refused ?? (uses === undefined ? 'It is not known yet which flags use it.' : using > 0 ? inUse : undefined)}
      dialog={(
        <ConfirmDialog
          opened={asking} onClose={() => ask(false)} title={`Delete ${segment.name}?`} confirm="Delete segment" danger typed={segment.key}
          onConfirm={() => remove.mutate()} busy={remove.isPending} error={remove.error}
        >
          <p>
            {members === null ? 'Its rules leave every reader.' : `${counted(members, 'member leaves', 'members leave')} every reader.`}
            {tool && ` If ${tool} syncs again it will be made anew, without the members it does not resend.`}
          </p>
        </ConfirmDialog>
      )}
    >
      {using > 0
        ? (
            <>
              <p>{inUse}</p>
              <FlagLinks
                place={at}
                flags={(uses?.items ?? []).map((use) => ({ key: use.flagKey, name: use.name, how: `${use.rules.map((rule) => `rule ${rule.ruleIndex + 1}`).join(', ')}${use.on ? '' : ', off'}` }))}
              />
            </>
          )
        : uses && <p>No flag uses this segment.</p>}
    </AskPanel>
  );
}
