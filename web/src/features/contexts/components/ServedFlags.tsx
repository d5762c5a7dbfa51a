import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';

import { DataTable, type Column } from '@/components/DataTable';
import { ErrorState } from '@/components/ErrorState';
import { Pager } from '@/components/Pager';
import { Panel } from '@/components/Panel';
import { RowName } from '@/components/RowName';
import { contextPageSize, servedQuery, type Context, type EvaluatedFlag } from '@/features/contexts/api/contexts';
import classes from '@/features/contexts/components/Contexts.module.css';
import { reasonOf, valueOf } from '@/features/contexts/components/reasonWords';
import { counted } from '@/lib/number';
import type { Place } from '@/lib/place';

interface ServedFlagsProps {
  place: Place;
  context: Context;
  page: number;
  onPage: (page: number) => void;
}

/** What every flag serves a context, and why. */
export function ServedFlags({ place, context, page, onPage }: ServedFlagsProps) {
  const { data, error, isPlaceholderData, refetch } = useQuery(servedQuery(place, context, page));
  const columns: Column<EvaluatedFlag>[] = [
    {
      key: 'name', label: 'Flag',
      cell: (flag) => (
        <RowName under={flag.key}>
          <Link to="/projects/$project/environments/$environment/flags/$flag" params={{ ...place, flag: flag.key }}>{flag.name}</Link>
        </RowName>
      ),
    },
    { key: 'value', label: 'Serves', card: 'figure', cell: (flag) => <code className={classes.value} title={valueOf(flag._value)}>{valueOf(flag._value)}</code> },
    { key: 'reason', label: 'Because', cell: reasonOf },
  ];
  if (error && !data) return <Panel><ErrorState title="What flags serve could not be told. SDKs keep evaluating." error={error} onRetry={() => void refetch()} /></Panel>;
  return (
    <div>
      <h2>{data?.totalCount ? counted(data.totalCount, 'flag') : 'Flags'}</h2>
      {data?.totalCount === 0
        ? <Panel><p className={classes.none}>This project has no flags yet.</p></Panel>
        : <DataTable label="Flags" columns={columns} rows={data?.items} rowKey={(flag) => flag.key} stale={isPlaceholderData} foot={data && <Pager page={page} size={contextPageSize} total={data.totalCount} onPage={onPage} />} />}
    </div>
  );
}
