import { Button } from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { useState } from 'react';

import { DataTable } from '@/components/DataTable';
import { EmptyState } from '@/components/EmptyState';
import { ErrorState } from '@/components/ErrorState';
import { PageHeader } from '@/components/PageHeader';
import { Panel } from '@/components/Panel';
import { auditQuery, auditSearch, isFiltered, nextCursor, type AuditSearch } from '@/features/audit/api/audit';
import classes from '@/features/audit/components/Audit.module.css';
import { auditColumns } from '@/features/audit/components/auditColumns';
import { AuditFilters } from '@/features/audit/components/AuditFilters';
import { EntryDrawer } from '@/features/audit/components/EntryDrawer';
import { NewEntries } from '@/features/audit/components/NewEntries';
import { counted } from '@/lib/number';
import { exactTime } from '@/lib/time';

/** Who changed what, when and where. */
export function AuditPage() {
  const client = useQueryClient();
  const navigate = useNavigate();
  const search = auditSearch(useSearch({ strict: false }));
  const entry = useParams({ strict: false, select: (params: { entry?: string }) => params.entry });
  const { data, error, isPlaceholderData, refetch } = useQuery(auditQuery(search));
  const [clearings, clear] = useState(0);
  const show = (next: AuditSearch, replace = true) => navigate({ to: '/audit', search: next, replace, resetScroll: next.cursor !== search.cursor });
  const next = data && nextCursor(data._links);
  const newest = data?.items[0]?.date;
  const older = next !== undefined && <Button variant="default" size="compact-md" onClick={() => void show({ ...search, cursor: next }, false)}>Older</Button>;
  return (
    <>
      <PageHeader title="Audit" facts="Who changed what, newest first. Entries stay when the thing is gone." />
      <AuditFilters key={clearings} search={search} onChange={(changed) => void show(changed)} />
      {search.cursor === undefined && newest !== undefined && (
        <NewEntries search={search} shown={newest} onShow={() => void client.invalidateQueries({ queryKey: ['audit', 'list'] })} />
      )}
      {error && !data
        ? <Panel><ErrorState title="The audit log could not be loaded. It is written on." error={error} onRetry={() => void refetch()} /></Panel>
        : (
            <DataTable
              label="Audit log" columns={auditColumns(search)} rows={data?.items} rowKey={(one) => one._id} stale={isPlaceholderData}
              empty={<Nothing search={search} next={next} older={older} onClear={() => void show({}).then(() => clear(clearings + 1))} />}
              foot={data && (next !== undefined || search.cursor !== undefined) && (
                <div className={classes.foot}>
                  <span>{counted(data.items.length, 'entry', 'entries')} on this page</span>
                  <div>
                    {search.cursor !== undefined && <Button variant="default" size="compact-md" onClick={() => void show({ ...search, cursor: undefined }, false)}>Newest</Button>}
                    {older}
                  </div>
                </div>
              )}
            />
          )}
      <EntryDrawer id={entry} onClose={() => void show(search)} />
    </>
  );
}

interface NothingProps {
  search: AuditSearch;
  /** How far back entries were read, if there are older ones. */
  next: number | undefined;
  older: React.ReactNode;
  onClear: () => void;
}

function Nothing({ search, next, older, onClear }: NothingProps) {
  if (next !== undefined) return <EmptyState title="Nothing found so far" actions={older}>Entries were read back to {exactTime(next)}; there are older ones.</EmptyState>;
  if (search.cursor !== undefined) return <EmptyState title="Nothing older" actions={<Button variant="default" onClick={onClear}>Show the newest</Button>}>The log begins here.</EmptyState>;
  if (!isFiltered(search)) return <EmptyState title="Nothing that you may see">Entries that concern no project are for administrators.</EmptyState>;
  return <EmptyState title="Nothing matches these filters." actions={<Button variant="default" onClick={onClear}>Clear filters</Button>}>Other entries may.</EmptyState>;
}
