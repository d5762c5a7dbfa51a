import { useQuery } from '@tanstack/react-query';

import { Columns } from '@/components/Columns';
import { GuardPanel } from '@/components/GuardPanel';
import { useRefusal } from '@/features/segments/api/permission';
import { segmentQuery } from '@/features/segments/api/segment';
import { useSegmentPlace } from '@/features/segments/api/useSegmentPlace';
import { DeletePanel } from '@/features/segments/components/DeletePanel';
import { DetailsPanel } from '@/features/segments/components/DetailsPanel';
import { MovePanel } from '@/features/segments/components/MovePanel';

/** What people decide about a segment: its words, its guard, its generation, its end. */
export function SettingsTab() {
  const at = useSegmentPlace();
  const { data: segment } = useQuery(segmentQuery(at));
  const refused = useRefusal(at, 'updateGuard');
  if (!segment) return null;
  return (
    <Columns aside={<>{segment.unbounded && <MovePanel at={at} segment={segment} />}<DeletePanel at={at} segment={segment} /></>}>
      <DetailsPanel key={segment.key} at={at} segment={segment} />
      {segment.unbounded && <GuardPanel of={at} tool={segment._external} refused={refused} />}
    </Columns>
  );
}
