import { SegmentedControl } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { lazy } from 'react';

import { ChartFigure, ChartRoom, LegendEntry } from '@/components/ChartFigure';
import { EmptyState } from '@/components/EmptyState';
import { ErrorState } from '@/components/ErrorState';
import { Panel } from '@/components/Panel';
import { bucketsOf, evaluationsOf, servedOf, type EvaluationRange } from '@/features/flags/api/buckets';
import { evaluationsQuery } from '@/features/flags/api/evaluations';
import type { FlagPlace } from '@/features/flags/api/flag';
import type { Flag } from '@/features/flags/api/flags';
import { EvaluationsTable } from '@/features/flags/components/EvaluationsTable';
import { partsOf, rangeWords, shareOf } from '@/features/flags/components/seriesLooks';
import { counted } from '@/lib/number';

const EvaluationsChart = lazy(() => import('@/features/flags/components/EvaluationsChart'));

const rangeNames = [{ value: '24h', label: '24 h' }, { value: '48h', label: '48 h' }, { value: '7d', label: '7 days' }];

interface EvaluationsPanelProps {
  at: FlagPlace;
  flag: Flag;
  range: EvaluationRange;
  onRange: (range: EvaluationRange) => void;
}

/** How often each variation was served, hour by hour or day by day. */
export function EvaluationsPanel({ at, flag, range, onRange }: EvaluationsPanelProps) {
  const { data: evaluations, error, refetch } = useQuery({ ...evaluationsQuery(at, range), placeholderData: (before) => before });
  const ranges = <SegmentedControl aria-label="Range" size="xs" value={range} data={rangeNames} onChange={(next) => onRange(next as EvaluationRange)} />;
  if (!evaluations) {
    return (
      <Panel title="Served variations" actions={ranges}>
        {error ? <ErrorState title="The evaluations could not be loaded. SDKs keep evaluating." error={error} onRetry={() => void refetch()} /> : <ChartRoom />}
      </Panel>
    );
  }
  const off = flag.environments?.[at.environment]?.offVariation;
  const parts = partsOf(evaluations.series, flag, off);
  const buckets = bucketsOf(evaluations);
  const span = rangeWords[evaluations.range];
  const total = evaluationsOf(evaluations);
  const shares = parts.map((part) => ({ part, served: servedOf(evaluations, part.key) }));
  return (
    <Panel title="Served variations" actions={ranges}>
      {total === 0
        ? <EmptyState title={`No SDK has reported an evaluation in ${span}`}>SDKs report some seconds after they evaluate; those that send no events evaluate unseen.</EmptyState>
        : (
            <ChartFigure
              label={`${counted(total, 'evaluation')} in ${span}: ${shares.map(({ part, served }) => `${part.name} ${shareOf(served, total)}`).join(', ')}.`}
              chart={<EvaluationsChart buckets={buckets} parts={parts} range={evaluations.range} />} table={<EvaluationsTable buckets={buckets} parts={parts} />}
              legend={shares.map(({ part, served }) => (
                <LegendEntry key={part.key} fill={part.fill} hatched={part.hatched}>{part.name} {shareOf(served, total)}{part.hatched && ', also when off'}</LegendEntry>
              ))}
            />
          )}
    </Panel>
  );
}
