import { Button } from '@mantine/core';
import { IconDownload } from '@tabler/icons-react';

import { ActionButton } from '@/components/ActionButton';
import { useRefusal } from '@/features/segments/api/permission';
import type { Run } from '@/features/segments/api/runs';
import { segmentPath, type SegmentPlace } from '@/features/segments/api/segment';
import { LookUpInDiff } from '@/features/segments/components/LookUpInDiff';
import classes from '@/features/segments/components/HeldDiff.module.css';

/** What there is to do with the difference that a held sync would make, before somebody decides. */
export function HeldDiffTools({ at, run }: { at: SegmentPlace; run: Run }) {
  const refused = useRefusal(at, 'exportMembers');
  const words = { variant: 'default' as const, leftSection: <IconDownload size={16} aria-hidden />, children: 'Download the full diff' };
  return (
    <div className={classes.tools}>
      <LookUpInDiff at={at} run={run} />
      {refused
        ? <ActionButton {...words} refused={refused} onClick={() => undefined} />
        : <Button {...words} component="a" href={`${segmentPath(at)}/runs/${encodeURIComponent(run._id)}/diff/file`} download />}
    </div>
  );
}
