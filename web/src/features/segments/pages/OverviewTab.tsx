import { useQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';

import { Columns } from '@/components/Columns';
import { Note } from '@/components/Note';
import { toolOf } from '@/features/segments/api/facts';
import { overviewSearch } from '@/features/segments/api/search';
import { segmentQuery } from '@/features/segments/api/segment';
import { useSegmentPlace } from '@/features/segments/api/useSegmentPlace';
import { LatestSyncs } from '@/features/segments/components/LatestSyncs';
import { LiveRuns } from '@/features/segments/components/LiveRuns';
import { MoveUnderWay } from '@/features/segments/components/MoveUnderWay';
import { OverviewStrip } from '@/features/segments/components/OverviewStrip';
import { Readers } from '@/features/segments/components/Readers';
import { SizePanel } from '@/features/segments/components/SizePanel';
import { SourcePanel } from '@/features/segments/components/SourcePanel';
import { exactTime } from '@/lib/time';

/** How many there are, how fresh that is, who follows, and whether something is wrong. */
export function OverviewTab() {
  const at = useSegmentPlace();
  const navigate = useNavigate();
  const { range = '7d' } = overviewSearch(useSearch({ strict: false }));
  const { data: segment } = useQuery(segmentQuery(at));
  if (!segment) return null;
  return (
    <>
      {segment._muster?.partial && (
        <div style={{ marginBottom: 20 }}>
          <Note tone="warn"><b>Only changes since the segment was made anew are here.</b> Run a full sync{toolOf(segment) && ` in ${toolOf(segment)}`}.</Note>
        </div>
      )}
      {segment._muster?.test && (
        <div style={{ marginBottom: 20 }}>
          <Note tone="info"><b>A test sync made this segment.</b> It deletes itself {exactTime(segment._muster.test.expiresAt)}, unless a rule of a flag names it then.</Note>
        </div>
      )}
      <OverviewStrip at={at} segment={segment} />
      {segment._muster?.generationMove && <MoveUnderWay move={segment._muster.generationMove} />}
      {segment.unbounded && <LiveRuns at={at} />}
      <Columns aside={<>{segment.unbounded && <LatestSyncs at={at} />}<SourcePanel segment={segment} /></>}>
        {segment.unbounded && (
          <SizePanel
            at={at} range={range}
            onRange={(next) => void navigate({ to: '/projects/$project/environments/$environment/segments/$segment', params: at, search: { range: next === '7d' ? undefined : next }, replace: true })}
          />
        )}
        <Readers at={at} revision={segment._muster?.revision} />
      </Columns>
    </>
  );
}
