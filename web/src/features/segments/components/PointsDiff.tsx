import { IconArrowBackUp } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';

import { ActionButton } from '@/components/ActionButton';
import { DiffStrip } from '@/components/DiffStrip';
import { ErrorState } from '@/components/ErrorState';
import { Panel } from '@/components/Panel';
import { useRefusal } from '@/features/segments/api/permission';
import { current, pointChangesPath, pointDiffQuery, type Point } from '@/features/segments/api/points';
import type { SegmentPlace } from '@/features/segments/api/segment';
import { DownloadDiff } from '@/features/segments/components/DownloadDiff';
import classes from '@/features/segments/components/History.module.css';
import { nameOfPoint } from '@/features/segments/components/pointWords';
import { exactTime } from '@/lib/time';

interface PointsDiffProps {
  at: SegmentPlace;
  from: Point;
  to: Point;
  onRollback: (pointId: string) => void;
}

/** What happened between two points: who joined and left on the way from one to the other. */
export function PointsDiff({ at, from, to, onRollback }: PointsDiffProps) {
  const refused = useRefusal(at, 'rollbackSegment');
  const title = `${nameOfPoint(from)} → ${nameOfPoint(to)}`;
  const same = from._id === to._id;
  // The API says what publishing one in the place of another would do, so the newer one is asked about.
  const asked = to.current ? from : to;
  const other = to.current ? current : from.current ? current : from._id;
  const { data, error, isPending, refetch } = useQuery({ ...pointDiffQuery(at, asked._id, other, to.current || from.current ? maxRevision(from, to) : undefined), enabled: !same });
  // Publishing an earlier point undoes what happened since: its joiners are those who left.
  const backwards = to.current;
  const left = data && (backwards ? data.added : data.removed);
  const joined = data && (backwards ? data.removed : data.added);
  const samples = data && { leave: backwards ? data.samples.added : data.samples.removed, join: backwards ? data.samples.removed : data.samples.added };
  return (
    <Panel
      title={title}
      actions={!from.current && (
        <ActionButton leftSection={<IconArrowBackUp size={16} aria-hidden />} refused={refused} onClick={() => onRollback(from._id)}>
          Roll back to before {exactTime(from.sealedAt)}…
        </ActionButton>
      )}
    >
      {same && <p className={classes.hint}>Choose two different points to compare them.</p>}
      {!same && isPending && <div className={classes.skeleton} aria-label="Working out the difference" role="img" />}
      {error && <ErrorState title="The difference could not be worked out." error={error} onRetry={() => void refetch()} />}
      {!same && left !== undefined && joined !== undefined && (
        <>
          <DiffStrip
            now={from.members} leave={left} join={joined} samples={samples}
            labels={{ now: from.current ? 'Now' : 'Then', leave: 'Left', join: 'Joined', after: to.current ? 'Now' : 'Later' }}
          />
          <div className={classes.download}><DownloadDiff at={at} path={pointChangesPath(to._id, from._id)} /></div>
        </>
      )}
    </Panel>
  );
}

function maxRevision(from: Point, to: Point): number {
  return Math.max(from.revision, to.revision);
}
