import { Count } from '@/components/Count';
import { DataTable, type Column } from '@/components/DataTable';
import type { Point } from '@/features/segments/api/points';
import type { SegmentPlace } from '@/features/segments/api/segment';
import classes from '@/features/segments/components/History.module.css';
import { KeepPoint } from '@/features/segments/components/KeepPoint';
import { madeBy, nameOfPoint, staysUntil } from '@/features/segments/components/pointWords';
import { exactTime } from '@/lib/time';

interface PointsTableProps {
  at: SegmentPlace;
  points: readonly Point[] | undefined;
  from: string | undefined;
  to: string | undefined;
  onFrom: (pointId: string) => void;
  onTo: (pointId: string) => void;
}

/** The points of a segment, two of which are compared. */
export function PointsTable({ at, points, from, to, onFrom, onTo }: PointsTableProps) {
  const columns: Column<Point>[] = [
    {
      key: 'point', label: 'Point',
      cell: (point) => (
        <>
          <div className={classes.name}>{nameOfPoint(point)}</div>
          <div className={classes.by}>{madeBy(point)}</div>
          {!point.current && <div className={classes.by}><span title={point.expiresAt === undefined ? undefined : exactTime(point.expiresAt)}>{staysUntil(point)}</span> <KeepPoint at={at} point={point} /></div>}
        </>
      ),
    },
    {
      key: 'compare', label: 'Compare', card: 'state',
      cell: (point) => (
        <div className={classes.choice}>
          <label>
            <input type="radio" name="from" aria-label={`From ${nameOfPoint(point)}`} checked={point._id === from} onChange={() => onFrom(point._id)} />From
          </label>
          <label>
            <input type="radio" name="to" aria-label={`To ${nameOfPoint(point)}`} checked={point._id === to} onChange={() => onTo(point._id)} />To
          </label>
        </div>
      ),
    },
    { key: 'members', label: 'Members', numeric: true, card: 'figure', cell: (point) => <b><Count value={point.members} revision={point.revision} /></b> },
  ];
  return <DataTable label="Points" columns={columns} rows={points} rowKey={(point) => point._id} />;
}
