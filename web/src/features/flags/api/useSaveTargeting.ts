import { useMutation, useQueryClient } from '@tanstack/react-query';

import { flagQuery, instructFlag, ofFlag, type FlagPlace, type Instruction } from '@/features/flags/api/flag';
import type { Flag } from '@/features/flags/api/flags';
import { same, targetingOf, type Targeting } from '@/features/flags/api/targeting';
import { inEnvironment } from '@/lib/api/environment';
import { ApiError } from '@/lib/api/error';

interface Save {
  /** What the instructions were made against. */
  saved: Targeting;
  instructions: Instruction[];
  comment: string;
}

/** The targeting of a flag in the environment; undefined when the flag has none there. */
export function targetingIn(flag: Flag, environment: string): Targeting | undefined {
  const config = flag.environments?.[environment];
  return config && targetingOf(config);
}

/** Whether somebody else changed the flag first. */
export function isOvertaken(error: Error | null): boolean {
  return error instanceof ApiError && error.status === 412;
}

/**
 * Saves edits of a targeting, unless somebody changed the targeting meanwhile. What else of a flag was
 * changed is no reason not to.
 */
export function useSaveTargeting(at: FlagPlace, flag: Flag) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: async ({ saved, instructions, comment }: Save) => {
      try {
        return await instructFlag(at, instructions, { comment, version: flag._version });
      } catch (error) {
        if (!(error instanceof Error && isOvertaken(error))) throw error;
        const present = await client.query({ ...flagQuery(at), staleTime: 0 });
        if (!same(targetingIn(present, at.environment), saved)) throw error;
        return await instructFlag(at, instructions, { comment, version: present._version });
      }
    },
    onSuccess: (now) => {
      client.setQueryData(flagQuery(at).queryKey, now);
      void client.invalidateQueries({ queryKey: inEnvironment(at, 'flags') });
      void client.invalidateQueries({ queryKey: ofFlag(at, 'history') });
    },
  });
}
