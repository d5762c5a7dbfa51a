import { useQueryClient } from '@tanstack/react-query';
import { useEffect, useRef } from 'react';

import { forgetWhatSyncsChange, patchRun } from '@/features/segments/api/live';
import { ofSegment, type SegmentPlace } from '@/features/segments/api/segment';
import { useLive } from '@/lib/live/useLive';

/** However often a segment is synced, what follows from its syncs is asked at most once in this time. */
const askEvery = 1000;

/** Keeps what is shown of one segment as it is, while one of its pages is open. */
export function useSegmentLive(at: SegmentPlace) {
  const client = useQueryClient();
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => () => {
    clearTimeout(timer.current);
    timer.current = undefined;
  }, [at.segment]);
  const ask = () => {
    timer.current ??= setTimeout(() => {
      timer.current = undefined;
      forgetWhatSyncsChange(client, at);
    }, askEvery);
  };
  useLive('run', (run) => {
    if (run.segmentKey === at.segment && patchRun(client, at, run)) ask();
  });
  useLive('catalog', ({ kind, key }) => {
    if (kind === 'flag') void client.invalidateQueries({ queryKey: ofSegment(at, 'uses') });
    if (kind === 'segment' && key === at.segment) void client.invalidateQueries({ queryKey: ofSegment(at, 'details') });
  });
}
