import { useQuery } from '@tanstack/react-query';
import { Outlet } from '@tanstack/react-router';

import { ErrorState } from '@/components/ErrorState';
import { PageHeader } from '@/components/PageHeader';
import { Panel } from '@/components/Panel';
import { segmentQuery } from '@/features/segments/api/segment';
import { useSegmentLive } from '@/features/segments/api/useSegmentLive';
import { useSegmentPlace } from '@/features/segments/api/useSegmentPlace';
import { NoSegment } from '@/features/segments/components/NoSegment';
import { SegmentHeader } from '@/features/segments/components/SegmentHeader';
import { SegmentTabs } from '@/features/segments/components/SegmentTabs';
import { StateNote } from '@/features/segments/components/StateNote';
import { ApiError } from '@/lib/api/error';

/** The frame of the pages of one segment: its head and its tabs. */
export function SegmentPage() {
  const at = useSegmentPlace();
  const { data: segment, error, refetch } = useQuery(segmentQuery(at));
  useSegmentLive(at);
  if (error instanceof ApiError && error.status === 404) return <NoSegment at={at} />;
  if (error && !segment) {
    return (
      <>
        <PageHeader title={at.segment} />
        <Panel><ErrorState title="The segment could not be loaded. Syncs and flags keep working." error={error} onRetry={() => void refetch()} /></Panel>
      </>
    );
  }
  return (
    <>
      <SegmentHeader at={at} segment={segment} />
      <SegmentTabs at={at} name={segment?.name ?? at.segment} />
      {segment && <StateNote at={at} segment={segment} />}
      <Outlet />
    </>
  );
}
