import { Link } from '@tanstack/react-router';

import { Count } from '@/components/Count';
import type { Column } from '@/components/DataTable';
import { Freshness } from '@/components/Freshness';
import { RowName } from '@/components/RowName';
import { Tag } from '@/components/Tag';
import { ToolMark } from '@/components/ToolMark';
import { membersOf, neverOf, sourceOf } from '@/features/segments/api/facts';
import type { Segment } from '@/features/segments/api/segments';
import { SegmentState } from '@/features/segments/components/SegmentState';
import classes from '@/features/segments/components/segmentColumns.module.css';
import { counted, signed } from '@/lib/number';
import type { Place } from '@/lib/place';

/** The columns of the list of segments. */
export function segmentColumns(place: Place): Column<Segment>[] {
  return [
    {
      key: 'name', label: 'Name', sort: 'name',
      cell: (segment) => (
        <RowName under={segment.key}>
          <Link to="/projects/$project/environments/$environment/segments/$segment" params={{ ...place, segment: segment.key }}>{segment.name}</Link>
        </RowName>
      ),
    },
    { key: 'source', label: 'Source', priority: 3, cell: (segment) => <ToolMark name={sourceOf(segment)} /> },
    {
      key: 'members', label: 'Members', sort: 'members', numeric: true, card: 'figure',
      cell: (segment) => (
        <>
          <b className={classes.members}>
            <Count value={membersOf(segment)} asOf={segment._muster?.freshAt} revision={segment._muster?.revision} />
          </b>
          <div className={classes.change}>{changeOf(segment)}</div>
        </>
      ),
    },
    { key: 'freshness', label: 'Freshness', priority: 1, card: 'fresh', cell: (segment) => (segment.unbounded ? <Freshness at={segment._muster?.freshAt} never={neverOf(segment)} /> : '–') },
    { key: 'state', label: 'State', card: 'state', cell: (segment) => <SegmentState segment={segment} /> },
    { key: 'flags', label: 'Used by', priority: 2, cell: (segment) => (segment._flags?.length ? counted(segment._flags.length, 'flag') : '–') },
    { key: 'tags', label: 'Tags', priority: 3, cell: (segment) => <span className={classes.tags}>{segment.tags.map((tag) => <Tag key={tag}>{tag}</Tag>)}</span> },
  ];
}

function changeOf(segment: Segment): string {
  const change = segment._muster?.change24h;
  if (change === undefined) return '';
  return change === 0 ? 'no change' : `${signed(change)} in 24 h`;
}
