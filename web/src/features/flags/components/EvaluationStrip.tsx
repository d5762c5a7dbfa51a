import { useQuery } from '@tanstack/react-query';

import { Count } from '@/components/Count';
import { Freshness } from '@/components/Freshness';
import { Stat, StatStrip } from '@/components/StatStrip';
import { evaluationsOf, type EvaluationRange } from '@/features/flags/api/buckets';
import { evaluationsQuery } from '@/features/flags/api/evaluations';
import { flagStatusQuery, type FlagPlace } from '@/features/flags/api/flag';
import classes from '@/features/flags/components/Evaluations.module.css';
import { rangeWords } from '@/features/flags/components/seriesLooks';
import { exactTime } from '@/lib/time';

const statuses = {
  new: { word: 'New', why: 'made this week, not evaluated yet' },
  active: { word: 'Active', why: 'evaluated this week' },
  inactive: { word: 'Inactive', why: 'not evaluated for a week' },
  launched: { word: 'Launched', why: 'one variation for all, for a week' },
};

/** How often the flag is evaluated, and when it last was. */
export function EvaluationStrip({ at, range }: { at: FlagPlace; range: EvaluationRange }) {
  const { data: evaluations } = useQuery({ ...evaluationsQuery(at, range), placeholderData: (before) => before });
  const { data: status } = useQuery(flagStatusQuery(at));
  const last = status?.lastRequested === undefined ? undefined : Date.parse(status.lastRequested);
  return (
    <StatStrip>
      <Stat label="Evaluations" hero under={evaluations ? `in ${rangeWords[evaluations.range]}, as of ${exactTime(evaluations.asOf)}` : ' '}>
        <Count value={evaluations && evaluationsOf(evaluations)} asOf={evaluations?.asOf} />
      </Stat>
      <Stat label="Last evaluated" under={last === undefined ? ' ' : exactTime(last)}>{status ? <Freshness at={last} /> : <Count value={undefined} />}</Stat>
      <Stat label="Status" under={status ? statuses[status.name].why : ' '}>{status ? statuses[status.name].word : <Count value={undefined} />}</Stat>
      <Stat label="Default in the code" under="served when SDKs cannot ask">
        {status ? (status.default === undefined ? '–' : <code className={classes.code}>{JSON.stringify(status.default)}</code>) : <Count value={undefined} />}
      </Stat>
    </StatStrip>
  );
}
