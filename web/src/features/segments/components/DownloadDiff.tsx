import { Button } from '@mantine/core';
import { IconDownload } from '@tabler/icons-react';

import { ActionButton } from '@/components/ActionButton';
import { useRefusal } from '@/features/segments/api/permission';
import { segmentPath, type SegmentPlace } from '@/features/segments/api/segment';

/** Downloads a difference whole; path leads there from the segment. */
export function DownloadDiff({ at, path }: { at: SegmentPlace; path: string }) {
  const refused = useRefusal(at, 'exportMembers');
  const words = { variant: 'default' as const, leftSection: <IconDownload size={16} aria-hidden />, children: 'Download the full diff' };
  return refused
    ? <ActionButton {...words} refused={refused} onClick={() => undefined} />
    : <Button {...words} component="a" href={`${segmentPath(at)}/${path}`} download />;
}
