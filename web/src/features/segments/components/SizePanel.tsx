import { Button, SegmentedControl } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { lazy } from 'react';

import { ChartFigure, ChartRoom, LegendEntry } from '@/components/ChartFigure';
import { EmptyState } from '@/components/EmptyState';
import { ErrorState } from '@/components/ErrorState';
import { Panel } from '@/components/Panel';
import { segmentQuery, sizesQuery, type Range, type SegmentPlace } from '@/features/segments/api/segment';
import { toolOf } from '@/features/segments/api/facts';
import { bucketWords, sizeSentence, ticksOf } from '@/features/segments/components/sizeWords';
import { SizeTable } from '@/features/segments/components/SizeTable';
import { shortNumber } from '@/lib/number';

const SizeChart = lazy(() => import('@/features/segments/components/SizeChart'));

interface SizePanelProps {
  at: SegmentPlace;
  range: Range;
  onRange: (range: Range) => void;
}

const rangeNames = [{ value: '24h', label: '24 h' }, { value: '7d', label: '7 days' }, { value: '30d', label: '30 days' }];

/** How many members there were, and beneath what syncs added and removed. */
export function SizePanel({ at, range, onRange }: SizePanelProps) {
  const { data: sizes, error, refetch } = useQuery({ ...sizesQuery(at, range), placeholderData: (before) => before });
  const { data: segment } = useQuery(segmentQuery(at));
  const never = segment?._muster !== undefined && segment._muster.lastRun === undefined;
  const axisStart = sizes ? ticksOf(sizes.items.map((item) => item.members))[0] ?? 0 : 0;
  return (
    <Panel title="Size and syncs" actions={<SegmentedControl aria-label="Range" size="xs" value={range} data={rangeNames} onChange={(next) => onRange(next as Range)} />}>
      {never && (
        <EmptyState title={toolOf(segment) ? 'No sync yet' : 'No members yet'} actions={toolOf(segment) === undefined && <FirstMembers at={at} />}>
          {toolOf(segment) ? `${toolOf(segment)} has created the segment but sent no members.` : 'How many there are, and every change of them, shows here as it happens.'}
        </EmptyState>
      )}
      {!never && error && !sizes && <ErrorState title="Its sizes could not be loaded." error={error} onRetry={() => void refetch()} />}
      {!never && !(error && !sizes) && (
        <ChartFigure
          label={sizes ? sizeSentence(sizes) : 'Sizes, not loaded yet'} chart={<SizeChart sizes={sizes} range={range} />} table={sizes ? <SizeTable sizes={sizes} /> : <ChartRoom />}
          legend={(
            <>
              <LegendEntry fill="var(--m-accent)">Members{axisStart > 0 && `, axis starts at ${shortNumber(axisStart)}`}</LegendEntry>
              <LegendEntry fill="var(--m-add)">Added per {bucketWords[range]}</LegendEntry>
              <LegendEntry fill="var(--m-remove)">Removed per {bucketWords[range]}</LegendEntry>
            </>
          )}
        />
      )}
    </Panel>
  );
}

/** The ways in which people come into a segment that no tool syncs. */
function FirstMembers({ at }: { at: SegmentPlace }) {
  return (
    <>
      <Button renderRoot={(root) => <Link {...root} to="/projects/$project/environments/$environment/segments/$segment/members" params={at} />}>Add people by hand</Button>
      <Button variant="default" renderRoot={(root) => <Link {...root} to="/projects/$project/environments/$environment/segments/upload" params={at} search={{ segment: at.segment }} />}>Upload a list</Button>
    </>
  );
}
