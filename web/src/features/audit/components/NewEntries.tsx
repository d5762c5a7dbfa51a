import { Button } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';

import { Note } from '@/components/Note';
import { auditPageSize, newerQuery, type AuditSearch } from '@/features/audit/api/audit';
import classes from '@/features/audit/components/Audit.module.css';
import { useLive } from '@/lib/live/useLive';
import { counted } from '@/lib/number';

interface NewEntriesProps {
  search: AuditSearch;
  /** When the newest entry that is shown was made. */
  shown: number;
  onShow: () => void;
}

/** Says how many entries came since the list was read, and shows them when somebody wants. */
export function NewEntries({ search, shown, onShow }: NewEntriesProps) {
  // Asked when the log grew: whether the new entry is among those that are searched for, the server knows.
  const { data: count = 0, refetch } = useQuery({ ...newerQuery(search, shown), enabled: false });
  useLive('audit', () => void refetch());
  return (
    <div role="status">
      {count > 0 && (
        <div className={classes.news}>
          <Note tone="info" action={<Button variant="subtle" size="compact-sm" onClick={onShow}>Show</Button>}>
            {count >= auditPageSize ? `${counted(auditPageSize, 'new entry', 'new entries')} or more` : counted(count, 'new entry', 'new entries')}
          </Note>
        </div>
      )}
    </div>
  );
}
