import { Button, Select } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useState } from 'react';

import { DataTable } from '@/components/DataTable';
import { EmptyState } from '@/components/EmptyState';
import { ErrorState } from '@/components/ErrorState';
import { Pager } from '@/components/Pager';
import { Panel } from '@/components/Panel';
import { isUnderWay, runPageSize, runsQuery, runsSearch, runStates, type RunsSearch } from '@/features/segments/api/runs';
import { useSegmentPlace } from '@/features/segments/api/useSegmentPlace';
import { LiveRuns } from '@/features/segments/components/LiveRuns';
import { runColumns } from '@/features/segments/components/runColumns';
import classes from '@/features/segments/components/Syncs.module.css';
import { counted } from '@/lib/number';
import { useLive } from '@/lib/live/useLive';

const page = '/projects/$project/environments/$environment/segments/$segment/syncs';

const stateNames: Record<(typeof runStates)[number], string> = {
  live: 'Live', received: 'Syncing, receiving', staged: 'Syncing, staged', held: 'Held', discarded: 'Discarded', rejected: 'Refused', superseded: 'Superseded', rolledBack: 'Rolled back',
};

/** Every sync of a segment, the ones under way on top. */
export function SyncsTab() {
  const at = useSegmentPlace();
  const navigate = useNavigate();
  const search = runsSearch(useSearch({ strict: false }));
  const { data, error, isPlaceholderData, refetch } = useQuery(runsQuery(at, search));
  const [fresh, setFresh] = useState<readonly string[]>([]);
  useLive('run', (run) => {
    if (run.segmentKey !== at.segment || isUnderWay(run)) return;
    if (data?.items.some((known) => known._id === run._id)) return;
    setFresh((before) => (before.includes(run._id) ? before : [...before, run._id]));
  });
  const show = (next: RunsSearch) => void navigate({ to: page, params: at, search: next, replace: true });
  const unseen = fresh.filter((id) => data?.items.every((known) => known._id !== id));
  return (
    <>
      <LiveRuns at={at} />
      <div className={classes.tools}>
        <Select
          aria-label="State" placeholder="State" clearable w={160} value={search.state ?? null} data={runStates.map((value) => ({ value, label: stateNames[value] }))}
          onChange={(state) => show(runsSearch({ state }))} clearButtonProps={{ 'aria-label': 'Any state' }}
        />
        {unseen.length > 0 && (
          <Button
            variant="default"
            onClick={() => {
              setFresh([]);
              if (search.page) show({ ...search, page: undefined });
              void refetch();
            }}
          >
            {counted(unseen.length, 'new sync', 'new syncs')}. Show
          </Button>
        )}
        {data && <span className={classes.total}>{counted(data.totalCount, 'sync', 'syncs')}</span>}
      </div>
      {error && !data
        ? <Panel><ErrorState title="The syncs could not be loaded. They go on." error={error} onRetry={() => void refetch()} /></Panel>
        : (
            <DataTable
              label="Syncs" columns={runColumns(at)} rows={data?.items} rowKey={(run) => run._id} stale={isPlaceholderData}
              tone={(run) => (run.state === 'held' ? 'warn' : isUnderWay(run) ? 'work' : undefined)}
              empty={search.state === undefined
                ? <EmptyState title="No sync yet">Every push of a tool, every list and every edit by hand is listed here, with what it changed.</EmptyState>
                : <EmptyState title="Nothing matches these filters." actions={<Button variant="default" onClick={() => show({})}>Clear filters</Button>}>Other syncs may.</EmptyState>}
              foot={data && <Pager page={search.page ?? 1} size={runPageSize} total={data.totalCount} onPage={(next) => show({ ...search, page: next === 1 ? undefined : next })} />}
            />
          )}
    </>
  );
}
