import { useQuery } from '@tanstack/react-query';

import { ErrorState } from '@/components/ErrorState';
import { Panel } from '@/components/Panel';
import { bucketsOf, type Evaluations } from '@/features/flags/api/buckets';
import { evaluationsQuery } from '@/features/flags/api/evaluations';
import type { FlagPlace } from '@/features/flags/api/flag';
import type { Flag } from '@/features/flags/api/flags';
import { variationOf } from '@/features/flags/components/flagWords';
import { shareOf } from '@/features/flags/components/seriesLooks';
import classes from '@/features/flags/components/ServingPanel.module.css';
import { ShareBar } from '@/features/flags/components/ShareBar';
import { VariationWord } from '@/features/flags/components/VariationWord';
import { counted } from '@/lib/number';
import { wholeTime } from '@/lib/time';

/** What was served last: evaluations are counted by the hour, so it is the hour before and this one so far. */
export function ServingPanel({ at, flag }: { at: FlagPlace; flag: Flag }) {
  const { data: served, error, refetch } = useQuery(evaluationsQuery(at, '24h'));
  return (
    <Panel title="Serving, last hour">
      {error && !served && <ErrorState title="The evaluations could not be loaded. SDKs keep evaluating." error={error} onRetry={() => void refetch()} />}
      {!served && !error && <p className={classes.hint}>&nbsp;</p>}
      {served && <Served flag={flag} served={served} />}
    </Panel>
  );
}

function Served({ flag, served }: { flag: Flag; served: Evaluations }) {
  const buckets = bucketsOf(served).slice(-2);
  const total = buckets.reduce((sum, bucket) => sum + bucket.total, 0);
  const since = buckets[0]?.at ?? served.asOf;
  if (total === 0) return <p className={classes.hint}>No SDK has reported an evaluation since {wholeTime(since)}.</p>;
  const parts = served.series.metadata.map(({ key, variation }) => ({
    key, variation, name: variation === null ? 'Default in the code' : variationOf(flag, variation), size: buckets.reduce((sum, bucket) => sum + (bucket.counts[key] ?? 0), 0),
  }));
  return (
    <>
      <ShareBar parts={parts} whole={total} />
      <ul className={classes.parts}>
        {parts.filter(({ size }) => size > 0).map((part) => <li key={part.key}>{part.variation === null ? part.name : <VariationWord flag={flag} index={part.variation} />} {shareOf(part.size, total)}</li>)}
      </ul>
      <p className={classes.hint}>{counted(total, 'evaluation')} since {wholeTime(since)}</p>
    </>
  );
}
