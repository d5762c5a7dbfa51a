import type { Point } from '@/features/segments/api/points';
import { dayOf, exactTime } from '@/lib/time';

/** What a point is called: when its members were replaced. */
export function nameOfPoint(point: Point): string {
  return point.current ? 'Now' : `Before ${exactTime(point.sealedAt)}`;
}

/** How long the point stays. */
export function staysUntil(point: Point): string {
  if (point.kept) return 'Kept.';
  return point.expiresAt === undefined ? '' : `Until ${dayOf(point.expiresAt)}.`;
}

/** What made the point: what its members gave way to. */
export function madeBy(point: Point): string {
  switch (point.reason) {
    case 'replace': return 'Replaced by a full sync or upload';
    case 'rollback': return 'Left by a rollback';
    case 'release': return 'Replaced by a held sync, released';
    case 'delete': return 'Ended when the segment was deleted';
    default: return 'What every reader sees';
  }
}
