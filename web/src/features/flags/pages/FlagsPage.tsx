import { Button } from '@mantine/core';
import { IconPlus } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useState } from 'react';

import { DataTable } from '@/components/DataTable';
import { EmptyState } from '@/components/EmptyState';
import { ErrorState } from '@/components/ErrorState';
import { PageHeader } from '@/components/PageHeader';
import { Pager } from '@/components/Pager';
import { Panel } from '@/components/Panel';
import { flagPageSize, flagsQuery, flagsSearch, type FlagsSearch } from '@/features/flags/api/flags';
import { CreateFlag } from '@/features/flags/components/CreateFlag';
import { flagColumns } from '@/features/flags/components/flagColumns';
import { FlagFilters } from '@/features/flags/components/FlagFilters';
import { environmentQuery } from '@/lib/api/environment';
import { counted } from '@/lib/number';
import { usePlace } from '@/lib/place';

const page = '/projects/$project/environments/$environment/flags';

/** The flags of a project as they are in an environment. */
export function FlagsPage() {
  const place = usePlace();
  const navigate = useNavigate();
  const search = flagsSearch(useSearch({ strict: false }));
  const { create, use, ...list } = search;
  const [cleared, setCleared] = useState(0);
  const { data, error, isPlaceholderData, refetch } = useQuery(flagsQuery(place, list));
  const { data: environment } = useQuery(environmentQuery(place));
  const shownFor = { name: environment?.name ?? place.environment, critical: environment?.critical ?? true };
  // What is shown until the answer comes may still be that of other filters.
  const filtered = isPlaceholderData || list.q !== undefined || list.state !== undefined || list.segment !== undefined || list.tag !== undefined;
  const empty = data?.totalCount === 0 && !filtered;
  const show = (next: FlagsSearch) => navigate({ to: page, params: place, search: next, replace: true });
  // What was typed goes too, once the address says nothing of it any more.
  const clear = () => void show({}).then(() => setCleared(cleared + 1));
  const createButton = (
    <Button leftSection={<IconPlus size={16} aria-hidden />} onClick={() => void navigate({ to: page, params: place, search: { ...list, create: true } })}>Create flag</Button>
  );
  return (
    <>
      <PageHeader title="Flags" facts={data && !empty && (filtered ? `Shown for ${shownFor.name}` : `${counted(data.totalCount, 'flag')}, shown for ${shownFor.name}`)} actions={empty ? undefined : createButton} />
      {!empty && <FlagFilters key={cleared} place={place} search={list} total={data?.totalCount} onChange={(next) => void show(next)} />}
      {error && !data
        ? <Panel><ErrorState title="Flags could not be loaded. SDKs keep evaluating them." error={error} onRetry={() => void refetch()} /></Panel>
        : (
            <DataTable
              label="Flags" columns={flagColumns(place, shownFor)} rows={data?.items} rowKey={(flag) => flag.key} stale={isPlaceholderData}
              sort={list.sort ?? 'name'} onSort={(sort) => void show(flagsSearch({ ...list, sort, page: undefined }))}
              empty={filtered
                ? <EmptyState title="Nothing matches these filters." actions={<Button variant="default" onClick={clear}>Clear filters</Button>}>Other flags may.</EmptyState>
                : <EmptyState title="No flags yet" actions={createButton}>A flag decides what people see; segments decide for whom.</EmptyState>}
              foot={data && <Pager page={list.page ?? 1} size={flagPageSize} total={data.totalCount} onPage={(number) => void show({ ...list, page: number === 1 ? undefined : number })} />}
            />
          )}
      <CreateFlag place={place} environment={shownFor.name} use={use} opened={create === true} onClose={() => void show(list)} />
    </>
  );
}
