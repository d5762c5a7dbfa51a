import { useQueryClient } from '@tanstack/react-query';

import { ofFlag, type FlagPlace } from '@/features/flags/api/flag';
import { useLive } from '@/lib/live/useLive';

/** What a change of a flag makes untrue on its pages; how often it was evaluated does not change by it. */
const changed = ['details', 'history'] as const;

/** Keeps what is shown of one flag as it is, while one of its pages is open. */
export function useFlagLive(at: FlagPlace) {
  const client = useQueryClient();
  useLive('catalog', ({ kind, key }) => {
    if (kind !== 'flag') return;
    if (key === at.flag) for (const what of changed) void client.invalidateQueries({ queryKey: ofFlag(at, what) });
    else void client.invalidateQueries({ queryKey: ofFlag(at, 'dependents') });
  });
}
