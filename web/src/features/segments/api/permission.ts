import { useQuery } from '@tanstack/react-query';

import { segmentQuery, type SegmentPlace } from '@/features/segments/api/segment';
import { environmentQuery } from '@/lib/api/environment';
import { environmentResource, tagged, useRefused } from '@/lib/api/permission';

/** What can be asked of a segment, as policies name it. */
export type Action =
  | 'updateName' | 'updateDescription' | 'updateTags' | 'updateIncluded' | 'updateGuard' | 'deleteSegment'
  | 'exportMembers' | 'rollbackSegment' | 'overrideShrinkGuard' | 'viewMembers';

/** Why the person who is signed in may not do something to the segment, as a sentence; undefined if they may. */
export function useRefusal(at: SegmentPlace, action: Action): string | undefined {
  const { data: segment } = useQuery(segmentQuery(at));
  const { data: environment } = useQuery(environmentQuery(at));
  return useRefused(action, segment && environment && `${environmentResource(at, environment)}:${tagged(`segment/${at.segment}`, segment.tags)}`, 'this segment');
}
