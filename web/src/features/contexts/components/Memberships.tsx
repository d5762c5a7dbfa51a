import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';

import { DataTable, type Column } from '@/components/DataTable';
import { ErrorState } from '@/components/ErrorState';
import { Freshness } from '@/components/Freshness';
import { Note } from '@/components/Note';
import { Pager } from '@/components/Pager';
import { Panel } from '@/components/Panel';
import { RowName } from '@/components/RowName';
import { ToolMark } from '@/components/ToolMark';
import { contextPageSize, membershipsQuery, timelineQuery, type Context, type Membership } from '@/features/contexts/api/contexts';
import classes from '@/features/contexts/components/Contexts.module.css';
import { toolName } from '@/lib/api/tools';
import { counted } from '@/lib/number';
import type { Place } from '@/lib/place';

interface MembershipsProps {
  place: Place;
  context: Context;
  page: number;
  onPage: (page: number) => void;
}

/** Which segments a context is in, since when and by what. */
export function Memberships({ place, context, page, onPage }: MembershipsProps) {
  const { data, error, isPlaceholderData, refetch } = useQuery(membershipsQuery(place, context, page));
  const { data: timeline } = useQuery(timelineQuery(place, context));
  const columns: Column<Membership>[] = [
    {
      key: 'name', label: 'Segment',
      cell: (segment) => (
        <RowName under={segment.key}>
          <Link to="/projects/$project/environments/$environment/segments/$segment" params={{ ...place, segment: segment.key }}>{segment.name}</Link>
        </RowName>
      ),
    },
    { key: 'by', label: 'By', card: 'state', cell: (segment) => (segment.tool ? <ToolMark name={toolName(segment.tool)} /> : segment.how === 'key' ? 'Its key' : 'A rule') },
    { key: 'since', label: 'In for', card: 'fresh', cell: (segment) => (segment.how === 'rule' ? '–' : <Freshness at={segment.since} never="not known" />) },
  ];
  if (error && !data) return <Panel><ErrorState title="Its segments could not be told." error={error} onRetry={() => void refetch()} /></Panel>;
  const count = data?.totalCount;
  const known = timeline === undefined || timeline.items.length > 0;
  return (
    <div>
      <h2>{count ? counted(count, 'segment') : 'Segments'}</h2>
      {data && data.unreadable.length > 0 && (
        <Note tone="bad">Nobody can tell of {data.unreadable.map((segment) => segment.name).join(', ')}: the stored members are damaged.</Note>
      )}
      {count === 0
        ? <Panel><p className={classes.none}>{known ? 'No segment includes this key now. Flags still evaluate for it:' : 'No segment has ever named this key. Flags still evaluate for it:'}</p></Panel>
        : <DataTable label="Segments" columns={columns} rows={data?.memberships} rowKey={(segment) => segment.key} stale={isPlaceholderData} foot={data && <Pager page={page} size={contextPageSize} total={data.totalCount} onPage={onPage} />} />}
    </div>
  );
}
