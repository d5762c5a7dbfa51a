import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';

import { Note } from '@/components/Note';
import type { SegmentPlace, Use } from '@/features/segments/api/segment';
import { guardQuery } from '@/lib/api/guard';
import classes from '@/features/segments/components/NegatedUses.module.css';

/** Warns of rules that match everybody if the segment is emptied. */
export function NegatedUses({ at, uses }: { at: SegmentPlace; uses: readonly Use[] }) {
  const { data: guard } = useQuery(guardQuery(at));
  const negated = uses.flatMap((use) => use.rules.filter((rule) => rule.negated && rule.clauses === 1).map((rule) => ({ use, rule })));
  return (
    <>
      {negated.map(({ use, rule }) => (
        <div key={rule.ruleId} className={classes.note}>
          <Note tone="warn" action={<Link to="/projects/$project/environments/$environment/flags/$flag" params={{ ...at, flag: use.flagKey }}>Open flag</Link>}>
            <b>{use.flagKey} serves everybody who is not in this segment.</b>{' '}
            If the segment were emptied, everybody would match rule {rule.ruleIndex + 1}.{' '}
            {guard && (guard.allowEmpty
              ? <>Nothing would stop it. <Link to="/projects/$project/environments/$environment/segments/$segment/settings" params={at}>Turn the guard on</Link></>
              : 'The guard holds a sync that empties it, so this cannot happen unnoticed.')}
          </Note>
        </div>
      ))}
    </>
  );
}
