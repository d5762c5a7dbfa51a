import { Skeleton } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';

import { DiffStrip } from '@/components/DiffStrip';
import { ErrorState } from '@/components/ErrorState';
import { Panel } from '@/components/Panel';
import { runDiffQuery, type Run } from '@/features/segments/api/runs';
import type { SegmentPlace } from '@/features/segments/api/segment';
import { HeldDiffTools } from '@/features/segments/components/HeldDiffTools';
import { isForbidden } from '@/lib/api/error';

const wouldLabels = { now: 'Live now', leave: 'Would leave', join: 'Would join' };
const neverLabels = { now: 'Live then', leave: 'Would have left', join: 'Would have joined' };
const didLabels = { now: 'Before', leave: 'Left', join: 'Joined' };

/** What a sync did to the members, would do, or would have done. */
export function RunDiff({ at, run }: { at: SegmentPlace; run: Run }) {
  const discarded = run.state === 'discarded';
  const { data: diff, error, refetch } = useQuery({ ...runDiffQuery(at, run._id), enabled: !discarded });
  const held = run.state === 'held';
  const limit = run.hold?.reason === 'shrink' && run.hold.limit > 0 ? run.hold.limit : undefined;
  const would = run.hold?.would;
  if (would && (discarded || (held && isForbidden(error)))) {
    return (
      <Panel title={held ? 'What would change' : 'What would have changed'}>
        <DiffStrip now={would.members + would.removed - would.added} leave={would.removed} join={would.added} limit={limit} labels={held ? wouldLabels : neverLabels} />
      </Panel>
    );
  }
  return (
    <Panel title={held ? 'What would change' : 'What changed'}>
      {!error && !diff && <Skeleton height={240} aria-busy />}
      {error && !diff && <ErrorState title="What it changes could not be worked out." error={error} onRetry={() => void refetch()} />}
      {diff && (
        <DiffStrip
          // Who was in before is known of a sync that says who is in: others leave alone whom they do not name.
          now={held || run.mode === 'replace' ? diff.unchanged + diff.removed : undefined} leave={diff.removed} join={diff.added} limit={held ? limit : undefined}
          labels={held ? wouldLabels : didLabels} samples={{ leave: diff.samples.removed, join: diff.samples.added }}
        />
      )}
      {diff && held && <HeldDiffTools at={at} run={run} />}
    </Panel>
  );
}
