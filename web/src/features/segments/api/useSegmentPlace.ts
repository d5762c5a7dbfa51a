import { useParams } from '@tanstack/react-router';
import { useMemo } from 'react';

import type { SegmentPlace } from '@/features/segments/api/segment';
import { usePlace } from '@/lib/place';

/** The segment of the page, from its address. */
export function useSegmentPlace(): SegmentPlace {
  const { project, environment } = usePlace();
  const { segment } = useParams({ strict: false });
  if (segment === undefined) throw new Error('this page is not about a segment');
  return useMemo(() => ({ project, environment, segment }), [project, environment, segment]);
}
