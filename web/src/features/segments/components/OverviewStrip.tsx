import { useQuery } from '@tanstack/react-query';

import { Count } from '@/components/Count';
import { Freshness } from '@/components/Freshness';
import { spanOf } from '@/components/runWords';
import { Stat, StatStrip } from '@/components/StatStrip';
import { membersOf, neverOf } from '@/features/segments/api/facts';
import { followersQuery, type SegmentPlace } from '@/features/segments/api/segment';
import type { Segment } from '@/features/segments/api/segments';
import { digits } from '@/lib/number';
import { exactTime, longDuration, shortDuration } from '@/lib/time';

/** The four figures of a segment. */
export function OverviewStrip({ at, segment }: { at: SegmentPlace; segment: Segment }) {
  const { data: followers } = useQuery(followersQuery(at));
  const muster = segment._muster;
  const readers = followers?.items ?? [];
  const late = readers.filter((reader) => reader.state !== 'current');
  const furthest = late.toSorted((a, b) => b.lagSeconds - a.lagSeconds)[0];
  return (
    <StatStrip>
      <Stat
        label="Members" hero
        under={muster?.freshAt === undefined ? (segment.unbounded ? 'Nobody was added so far' : 'Counted in its definition') : (
          <>
            as of {exactTime(muster.freshAt)}{muster.revision !== undefined && `, revision ${digits(muster.revision)}`}
            {muster.change24h !== undefined && <> · {muster.change24h === 0 ? 'no change' : <Count value={muster.change24h} change />} in 24 h</>}
          </>
        )}
      >
        <Count value={membersOf(segment)} asOf={muster?.freshAt} revision={muster?.revision} />
      </Stat>
      <Stat
        label="Freshness"
        under={muster?.freshAt === undefined ? undefined : `${exactTime(muster.freshAt)}${muster.usualIntervalMs ? `, usually every ${longDuration(muster.usualIntervalMs)}` : ''}`}
      >
        <Freshness at={muster?.freshAt} never={neverOf(segment)} />
      </Stat>
      <Stat label="Push to visible" under={muster?.visibleMs ? `p99 ${spanOf(muster.visibleMs.p99)}, last 24 h` : 'no sync in 24 h'}>
        {muster?.visibleMs ? spanOf(muster.visibleMs.p50) : <Count value={null} />}
      </Stat>
      <Stat
        label="Readers up to date"
        under={followers && (furthest ? `${furthest.name || furthest.kind} is ${shortDuration(furthest.lagSeconds * 1000)} behind` : readers.length === 0 ? 'nothing is connected yet' : 'all of them')}
      >
        {followers === undefined ? <Count value={undefined} /> : readers.length === 0 ? <Count value={null} /> : `${digits(readers.length - late.length)} of ${digits(readers.length)}`}
      </Stat>
    </StatStrip>
  );
}
