import { useQuery } from '@tanstack/react-query';

import { Columns } from '@/components/Columns';
import { flagQuery } from '@/features/flags/api/flag';
import { useFlagPlace } from '@/features/flags/api/useFlagPlace';
import { ArchivePanel } from '@/features/flags/components/ArchivePanel';
import { DeleteFlagPanel } from '@/features/flags/components/DeleteFlagPanel';
import { FlagDetailsPanel } from '@/features/flags/components/FlagDetailsPanel';

/** What people decide about a flag beside its targeting: its words, who may evaluate it, its end. */
export function FlagSettingsPage() {
  const at = useFlagPlace();
  const { data: flag } = useQuery(flagQuery(at));
  if (!flag) return null;
  return (
    <Columns aside={<><ArchivePanel at={at} flag={flag} /><DeleteFlagPanel at={at} flag={flag} /></>}>
      <FlagDetailsPanel key={flag.key} at={at} flag={flag} />
    </Columns>
  );
}
