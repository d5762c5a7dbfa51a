import { useQuery } from '@tanstack/react-query';

import { flagQuery, type FlagPlace } from '@/features/flags/api/flag';
import type { FlagConfig } from '@/features/flags/api/flags';
import { environmentQuery } from '@/lib/api/environment';
import { environmentResource, refusalOf, tagged, useRefused } from '@/lib/api/permission';

/** What can be asked of a flag, as policies name it. */
export type Action =
  | 'updateOn' | 'updateTargets' | 'updateRules' | 'updateFallthrough' | 'updateOffVariation' | 'updatePrerequisites'
  | 'updateName' | 'updateDescription' | 'updateTags' | 'updateTemporary' | 'updateMaintainer' | 'updateClientSideFlagAvailability'
  | 'updateFlagVariations' | 'updateFlagDefaultVariations' | 'updateGlobalArchived' | 'deleteFlag';

const thisFlag = 'this flag';

/** Why the person who is signed in may not do something to the flag in this environment, as a sentence; undefined if they may. */
export function useRefusal(at: FlagPlace, action: Action): string | undefined {
  const { data: flag } = useQuery(flagQuery(at));
  const { data: environment } = useQuery(environmentQuery(at));
  return useRefused(action, flag && environment && `${environmentResource(at, environment)}:${tagged(`flag/${at.flag}`, flag.tags)}`, thisFlag);
}

/** Why they may not turn a flag of a list on and off, as the list itself says. */
export function turnRefusal(config: FlagConfig | undefined): string | undefined {
  return config?._muster?.mayTurn === false ? refusalOf('updateOn' satisfies Action, thisFlag) : undefined;
}
