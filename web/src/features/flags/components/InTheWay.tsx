import { useQuery } from '@tanstack/react-query';

import { FlagLinks } from '@/components/FlagLinks';
import { dependentsQuery, type FlagPlace } from '@/features/flags/api/flag';
import { counted } from '@/lib/number';

/** Why a flag can neither be archived nor deleted now: other flags need it. Undefined when none does. */
export function useInTheWay(at: FlagPlace): string | undefined {
  const { data: dependents } = useQuery(dependentsQuery(at));
  if (dependents === undefined) return 'It is not known yet which flags need it.';
  if (dependents.length === 0) return undefined;
  return `${counted(dependents.length, 'flag needs', 'flags need')} it as a prerequisite. Remove it there first.`;
}

/** The flags that have this one as a prerequisite, each with where. */
export function InTheWay({ at }: { at: FlagPlace }) {
  const { data: dependents = [] } = useQuery(dependentsQuery(at));
  const why = useInTheWay(at);
  if (dependents.length === 0) return null;
  return (
    <>
      <p>{why}</p>
      <FlagLinks place={at} flags={dependents.map(({ key, name, environments }) => ({ key, name, how: `in ${environments.map((one) => one.name).join(', ')}` }))} />
    </>
  );
}
