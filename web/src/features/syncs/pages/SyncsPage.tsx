import { Button } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { useState } from 'react';

import { DataTable } from '@/components/DataTable';
import { EmptyState } from '@/components/EmptyState';
import { ErrorState } from '@/components/ErrorState';
import { PageHeader } from '@/components/PageHeader';
import { Pager } from '@/components/Pager';
import { Panel } from '@/components/Panel';
import { runPageSize, runsQuery, syncsSearch, type SyncsSearch } from '@/features/syncs/api/runs';
import { HeldRuns } from '@/features/syncs/components/HeldRuns';
import { syncColumns } from '@/features/syncs/components/syncColumns';
import { SyncFilters } from '@/features/syncs/components/SyncFilters';
import { UnderWay } from '@/features/syncs/components/UnderWay';
import { toolName } from '@/lib/api/tools';
import { usePlace } from '@/lib/place';

const page = '/projects/$project/environments/$environment/syncs';

/** Every sync of an environment: those under way and those held first. */
export function SyncsPage() {
  const place = usePlace();
  const navigate = useNavigate();
  const search = syncsSearch(useSearch({ strict: false }));
  const { data, error, isPlaceholderData, refetch } = useQuery(runsQuery(place, search));
  const [cleared, setCleared] = useState(0);
  // What is shown until the answer comes may still be that of other filters.
  const filtered = isPlaceholderData || search.state !== undefined || search.tool !== undefined || search.segment !== undefined || search.q !== undefined;
  const show = (next: SyncsSearch) => navigate({ to: page, params: place, search: next, replace: true });
  // What was typed goes too, once the address says nothing of it any more.
  const clear = () => void show({}).then(() => setCleared(cleared + 1));
  return (
    <>
      <PageHeader title="Syncs" facts="Every push, upload, edit and rollback, newest first." />
      <UnderWay place={place} />
      <HeldRuns place={place} />
      {(filtered || data?.totalCount !== 0) && <SyncFilters key={cleared} place={place} search={search} total={data?.totalCount} onChange={(next) => void show(next)} />}
      {error && !data
        ? <Panel><ErrorState title="Syncs could not be loaded. They go on meanwhile." error={error} onRetry={() => void refetch()} /></Panel>
        : (
            <DataTable
              label="Syncs" columns={syncColumns(place, toolName)} rows={data?.items} rowKey={(run) => run._id} stale={isPlaceholderData}
              tone={(run) => ({ held: 'warn', received: 'work', staged: 'work' } as const)[run.state as 'held' | 'received' | 'staged']}
              empty={filtered
                ? <EmptyState title="Nothing matches these filters." actions={<Button variant="default" onClick={clear}>Clear filters</Button>}>Other syncs may.</EmptyState>
                : (
                    <EmptyState
                      title="No sync yet"
                      actions={<Button renderRoot={(root) => <Link {...root} to="/projects/$project/environments/$environment/sources" params={place} />}>Connect a tool</Button>}
                    >
                      Whatever brings members in, a tool, a list or a person, is written down here with what it changed.
                    </EmptyState>
                  )}
              foot={data && <Pager page={search.page ?? 1} size={runPageSize} total={data.totalCount} onPage={(to) => void show({ ...search, page: to === 1 ? undefined : to })} />}
            />
          )}
    </>
  );
}
