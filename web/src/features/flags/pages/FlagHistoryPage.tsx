import { Button, Skeleton } from '@mantine/core';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';

import { EmptyState } from '@/components/EmptyState';
import { ErrorState } from '@/components/ErrorState';
import { Happenings } from '@/components/Happenings';
import { Panel } from '@/components/Panel';
import { flagQuery } from '@/features/flags/api/flag';
import { flagHistoryQuery, flagHistorySearch } from '@/features/flags/api/history';
import { useFlagPlace } from '@/features/flags/api/useFlagPlace';
import classes from '@/features/flags/components/History.module.css';
import { HistoryEntry } from '@/features/flags/components/HistoryEntry';

/** Who changed the flag, when, where and in what. */
export function FlagHistoryPage() {
  const at = useFlagPlace();
  const navigate = useNavigate();
  const { entry: open } = flagHistorySearch(useSearch({ strict: false }));
  const { data: flag } = useQuery(flagQuery(at));
  const { data, error, refetch, hasNextPage, isFetchingNextPage, fetchNextPage } = useInfiniteQuery(flagHistoryQuery(at));
  const entries = data?.pages.flatMap((page) => page.items);
  const environments = Object.fromEntries(Object.entries(flag?.environments ?? {}).map(([key, config]) => [key, config._environmentName]));
  const show = (entry: string | undefined) =>
    void navigate({ to: '/projects/$project/environments/$environment/flags/$flag/history', params: at, search: { entry }, replace: true, resetScroll: false });
  return (
    <Panel title="Changes in all environments">
      {!entries && !error && <Skeleton height={160} aria-busy />}
      {error && !entries && <ErrorState title="The history could not be loaded. Nothing of it is lost." error={error} onRetry={() => void refetch()} />}
      {entries?.length === 0 && !hasNextPage && <EmptyState title="Nothing is written down of this flag">What people and tools change from now on stands here.</EmptyState>}
      {entries && entries.length > 0 && (
        <Happenings label="History">
          {entries.map((entry) => (
            <HistoryEntry key={entry._id} entry={entry} environments={environments} open={open === entry._id} onOpen={(next) => show(next ? entry._id : undefined)} />
          ))}
        </Happenings>
      )}
      {hasNextPage && (
        <Button className={classes.foot} variant="default" size="compact-md" loading={isFetchingNextPage} onClick={() => void fetchNextPage()}>Show older changes</Button>
      )}
    </Panel>
  );
}
