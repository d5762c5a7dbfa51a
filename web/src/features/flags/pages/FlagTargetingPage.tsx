import { useQuery } from '@tanstack/react-query';

import { flagQuery } from '@/features/flags/api/flag';
import { useFlagPlace } from '@/features/flags/api/useFlagPlace';
import { TargetingEditor } from '@/features/flags/components/TargetingEditor';

/** Whom a flag serves what in this environment. */
export function FlagTargetingPage() {
  const at = useFlagPlace();
  const { data: flag } = useQuery(flagQuery(at));
  const config = flag?.environments?.[at.environment];
  if (!flag || !config) return null;
  return <TargetingEditor key={`${at.environment} ${flag.key}`} at={at} flag={flag} config={config} />;
}
