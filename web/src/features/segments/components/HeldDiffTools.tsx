import type { Run } from '@/features/segments/api/runs';
import type { SegmentPlace } from '@/features/segments/api/segment';
import { DownloadDiff } from '@/features/segments/components/DownloadDiff';
import { LookUpInDiff } from '@/features/segments/components/LookUpInDiff';
import classes from '@/features/segments/components/HeldDiff.module.css';

/** What there is to do with the difference that a held sync would make, before somebody decides. */
export function HeldDiffTools({ at, run }: { at: SegmentPlace; run: Run }) {
  return (
    <div className={classes.tools}>
      <LookUpInDiff at={at} run={run} />
      <DownloadDiff at={at} path={`runs/${encodeURIComponent(run._id)}/diff/file`} />
    </div>
  );
}
