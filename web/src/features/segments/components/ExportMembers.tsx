import { Button, Menu } from '@mantine/core';
import { IconDownload } from '@tabler/icons-react';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useEffectEvent, useState } from 'react';

import { ActionButton } from '@/components/ActionButton';
import { exportQuery, startExport, type ExportFormat } from '@/features/segments/api/members';
import { useRefusal } from '@/features/segments/api/permission';
import type { SegmentPlace } from '@/features/segments/api/segment';
import { useLive } from '@/lib/live/useLive';
import { counted } from '@/lib/number';
import { sentence } from '@/lib/sentence';
import { toast } from '@/lib/toast';

/** Downloads all members, of one revision, as a file. */
export function ExportMembers({ at, members }: { at: SegmentPlace; members: number | undefined }) {
  const client = useQueryClient();
  const refused = useRefusal(at, 'exportMembers');
  const [exportId, setExportId] = useState<string>();
  const { data: file, error } = useQuery({ ...exportQuery(at, exportId ?? ''), enabled: exportId !== undefined, gcTime: 0 });
  useLive('export', ({ id }) => {
    if (id === exportId) void client.invalidateQueries({ queryKey: exportQuery(at, id).queryKey });
  });
  const start = useMutation({
    mutationFn: (format: ExportFormat) => startExport(at, format),
    onSuccess: setExportId,
    onError: (failure) => toast(`Nothing was exported. ${sentence(failure.message)}`),
  });
  const writing = exportId !== undefined && !error && (file === undefined || file.status === 'pending');
  const finish = useEffectEvent((href: string | undefined, why: string | undefined) => {
    if (href === undefined) {
      toast(`Nothing was exported. ${sentence(why ?? 'the export was stopped; nothing was written')}`);
      return;
    }
    const anchor = document.createElement('a');
    anchor.href = href;
    anchor.download = '';
    anchor.click();
    toast(`Exported ${members === undefined ? 'the members' : counted(members, 'member')}.`);
  });
  // The browser saves the file, which is no part of what React renders.
  useEffect(() => {
    if (error) finish(undefined, error.message);
    else if (file !== undefined && file.status !== 'pending') finish(file._links.download?.href, file.error);
  }, [file, error]);
  if (refused) return <ActionButton variant="default" refused={refused} onClick={() => undefined}>Export</ActionButton>;
  return (
    <Menu position="bottom-end" withinPortal>
      <Menu.Target>
        <Button variant="default" leftSection={<IconDownload size={16} aria-hidden />} loading={start.isPending || writing}>Export</Button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item onClick={() => start.mutate('csv')}>CSV, one key a row</Menu.Item>
        <Menu.Item onClick={() => start.mutate('ndjson')}>NDJSON, one object a line</Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
