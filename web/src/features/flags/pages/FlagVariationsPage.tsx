import { useQuery } from '@tanstack/react-query';

import { flagQuery } from '@/features/flags/api/flag';
import { useFlagPlace } from '@/features/flags/api/useFlagPlace';
import { VariationsPanel } from '@/features/flags/components/VariationsPanel';

/** What the flag can serve, in every environment. */
export function FlagVariationsPage() {
  const at = useFlagPlace();
  const { data: flag } = useQuery(flagQuery(at));
  return flag ? <VariationsPanel key={flag.key} at={at} flag={flag} /> : null;
}
