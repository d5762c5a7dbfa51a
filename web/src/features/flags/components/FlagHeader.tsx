import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';

import { CopyText } from '@/components/CopyText';
import { Count } from '@/components/Count';
import { PageHeader } from '@/components/PageHeader';
import { StatePill } from '@/components/StatePill';
import { Tag } from '@/components/Tag';
import { evaluationsOf } from '@/features/flags/api/buckets';
import { evaluationsQuery } from '@/features/flags/api/evaluations';
import type { FlagPlace } from '@/features/flags/api/flag';
import type { Flag } from '@/features/flags/api/flags';
import { useRefusal } from '@/features/flags/api/permission';
import { kindOf } from '@/features/flags/api/variations';
import { FlagSwitch } from '@/features/flags/components/FlagSwitch';
import { kindWords } from '@/features/flags/components/flagWords';
import { environmentQuery } from '@/lib/api/environment';

interface FlagHeaderProps {
  at: FlagPlace;
  /** undefined while it loads: the frame is there at once. */
  flag: Flag | undefined;
}

/** The head of the pages of a flag: what it is, and whether it is on in this environment. */
export function FlagHeader({ at, flag }: FlagHeaderProps) {
  const { data: environment } = useQuery(environmentQuery(at));
  const refused = useRefusal(at, 'updateOn');
  return (
    <PageHeader
      title={flag?.name ?? at.flag}
      above={[<Link key="flags" to="/projects/$project/environments/$environment/flags" params={at}>Flags</Link>]}
      beside={flag && (
        <>
          {flag.archived && <StatePill state="off" word="Archived" why="SDKs do not see it any more. Settings can restore it." />}
          {flag.deprecated && !flag.archived && <StatePill state="stale" word="Deprecated" why="It still works; new code should not use it." />}
        </>
      )}
      facts={(
        <>
          <CopyText text={at.flag} what="key" />
          {flag && <span>{kindWords[kindOf(flag)]}</span>}
          {flag?.temporary && <span>Temporary</span>}
          {flag?.tags.map((tag) => <Tag key={tag}>{tag}</Tag>)}
          <Evaluated at={at} />
        </>
      )}
      actions={flag && environment && <FlagSwitch place={at} flag={flag} environment={environment} refused={refused} named />}
    />
  );
}

/** How often SDKs evaluated the flag in this environment; nothing when that cannot be told. */
function Evaluated({ at }: { at: FlagPlace }) {
  const { data: evaluations, error } = useQuery(evaluationsQuery(at, '24h'));
  if (error && !evaluations) return null;
  const total = evaluations && evaluationsOf(evaluations);
  return <span><Count value={total} asOf={evaluations?.asOf} /> {total === 1 ? 'evaluation' : 'evaluations'} in 24 h</span>;
}
