import type { ReactNode } from 'react';

import type { Run } from '@/features/syncs/api/runs';
import classes from '@/features/syncs/components/Syncs.module.css';
import { middleCut } from '@/lib/cut';

/** What a sync's segment is called: its key if it was deleted, and a push that was refused may have named none. */
export function nameOf(run: Pick<Run, 'segmentKey' | 'segmentName'>): string {
  return run.segmentName ?? (run.segmentKey === '' ? 'No segment named' : middleCut(run.segmentKey, 48));
}

interface SegmentNameProps {
  run: Run;
  /** The name, perhaps as a link. */
  name: ReactNode;
  /** What stands beside the key. */
  beside?: string;
}

/** The segment of a sync, its key beneath. */
export function SegmentName({ run, name, beside }: SegmentNameProps) {
  const key = run.segmentName === undefined ? undefined : <code title={run.segmentKey}>{middleCut(run.segmentKey, 48)}</code>;
  return (
    <div className={classes.name}>
      {name}
      {(key ?? beside) !== undefined && <div className={classes.kind}>{key}{key && beside !== undefined && ' · '}{beside}</div>}
    </div>
  );
}
