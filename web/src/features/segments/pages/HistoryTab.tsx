import { useQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';

import { EmptyState } from '@/components/EmptyState';
import { ErrorState } from '@/components/ErrorState';
import { Panel } from '@/components/Panel';
import { current, historySearch, pointsQuery, type HistorySearch } from '@/features/segments/api/points';
import { useSegmentPlace } from '@/features/segments/api/useSegmentPlace';
import classes from '@/features/segments/components/History.module.css';
import { PointsDiff } from '@/features/segments/components/PointsDiff';
import { PointsTable } from '@/features/segments/components/PointsTable';
import { RollbackDialog } from '@/features/segments/components/RollbackDialog';

const page = '/projects/$project/environments/$environment/segments/$segment/history';

/** What the members were, what differs, and the way back. */
export function HistoryTab() {
  const at = useSegmentPlace();
  const navigate = useNavigate();
  const search = historySearch(useSearch({ strict: false }));
  const { data, error, refetch } = useQuery(pointsQuery(at));
  if (error && !data) {
    return <Panel><ErrorState title="The history could not be loaded. The members stay what they are." error={error} onRetry={() => void refetch()} /></Panel>;
  }
  const points = data?.items ?? [];
  const earlier = points.filter((point) => !point.current);
  if (data && earlier.length === 0) {
    return <Panel><EmptyState title="No earlier point yet">The first full sync or upload makes one. Deltas leave none: each is undone on its own page, under Syncs.</EmptyState></Panel>;
  }
  const known = (id: string | undefined) => points.find((point) => point._id === id || (id === current && point.current));
  const from = known(search.from) ?? earlier[0];
  const to = known(search.to) ?? points.find((point) => point.current);
  const show = (next: HistorySearch, replace = true) => void navigate({ to: page, params: at, search: next, replace });
  const rollback = earlier.find((point) => point._id === search.rollback);
  return (
    <>
      <div className={classes.columns}>
        <PointsTable at={at} points={data?.items} from={from?._id} to={to?._id} onFrom={(id) => show({ ...search, from: id })} onTo={(id) => show({ ...search, to: id })} />
        {from && to && <PointsDiff at={at} from={from} to={to} onRollback={(id) => show({ ...search, rollback: id }, false)} />}
      </div>
      <RollbackDialog at={at} point={rollback} now={points.find((point) => point.current)} onClose={() => show({ ...search, rollback: undefined })} />
    </>
  );
}
