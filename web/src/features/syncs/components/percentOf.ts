import type { Run } from '@/features/syncs/api/runs';

/** How much of it has come, in percent; undefined when nobody knows how long it is. */
export function percentOf(run: Run): number | undefined {
  return run.progress?.bytesTotal ? (100 * run.progress.bytesRead) / run.progress.bytesTotal : undefined;
}
