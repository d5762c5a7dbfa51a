import { useQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';

import { Columns } from '@/components/Columns';
import { evaluationsSearch } from '@/features/flags/api/evaluations';
import { flagQuery } from '@/features/flags/api/flag';
import { useFlagPlace } from '@/features/flags/api/useFlagPlace';
import { EvaluationsPanel } from '@/features/flags/components/EvaluationsPanel';
import { EvaluationStrip } from '@/features/flags/components/EvaluationStrip';
import { ReportingSDKs } from '@/features/flags/components/ReportingSDKs';

/** How often the flag is evaluated in this environment, what it serves then, and who asks. */
export function FlagEvaluationsPage() {
  const at = useFlagPlace();
  const navigate = useNavigate();
  const { range = '24h' } = evaluationsSearch(useSearch({ strict: false }));
  const { data: flag } = useQuery(flagQuery(at));
  return (
    <>
      <EvaluationStrip at={at} range={range} />
      <Columns aside={<ReportingSDKs place={at} />}>
        {flag && (
          <EvaluationsPanel
            at={at} flag={flag} range={range}
            onRange={(next) => void navigate({
              to: '/projects/$project/environments/$environment/flags/$flag/evaluations', params: at, search: { range: next === '24h' ? undefined : next }, replace: true,
            })}
          />
        )}
      </Columns>
    </>
  );
}
