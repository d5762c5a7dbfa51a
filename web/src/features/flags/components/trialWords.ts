import { percentOf, type Rollout } from '@/features/flags/api/rollout';
import { segmentMatch, type Clause, type Rule, type Serve, type Targeting } from '@/features/flags/api/targeting';
import type { Context, Joined, Outcome } from '@/features/flags/api/trial';
import { shownValue } from '@/features/flags/api/values';
import type { Names } from '@/features/flags/components/changeWords';
import { clauseWords, subjectOf } from '@/features/flags/components/clauseWords';
import { exactTime } from '@/lib/time';

/** What an outcome is explained by. */
export interface Trial {
  targeting: Targeting;
  context: Context;
  joined: Joined;
}

/** The rule that matched; SDKs do not count those that are off for them. */
export function matchedRule({ reason }: Outcome, { rules }: Targeting): { rule: Rule; number: number } | undefined {
  if (reason.kind !== 'RULE_MATCH') return undefined;
  const rule = rules.filter(({ disabled }) => !disabled)[reason.ruleIndex ?? 0];
  return rule && { rule, number: rules.indexOf(rule) + 1 };
}

/** Why a context is served what it is: "Rule 1 matched: in High-intent shoppers since 10:03:12 and country is DE. Bucket 41 of 80." */
export function reasonWords(names: Names, outcome: Outcome, trial: Trial): string {
  const { reason } = outcome;
  switch (reason.kind) {
    case 'OFF': return 'The flag is off.';
    case 'TARGET_MATCH': return 'Targeted by its key.';
    case 'PREREQUISITE_FAILED': return `Prerequisite ${names.flag(reason.prerequisiteKey ?? '')} does not serve what it has to.`;
    case 'ERROR': return `SDKs cannot evaluate it: ${(reason.errorKind ?? 'unknown').toLowerCase().replaceAll('_', ' ')}.`;
    case 'RULE_MATCH': {
      const matched = matchedRule(outcome, trial.targeting);
      if (!matched) return `Rule ${(reason.ruleIndex ?? 0) + 1} matched.`;
      const why = matched.rule.clauses.map((clause) => heldWords(names, clause, trial)).join(' and ');
      return `Rule ${matched.number} matched${why === '' ? '' : `: ${why}`}.${bucketWords(outcome.bucket, matched.rule.serve)}`;
    }
    default: return `No rule matched: everyone else.${bucketWords(outcome.bucket, trial.targeting.fallthrough)}`;
  }
}

/** Why a clause holds for the context. */
function heldWords(names: Names, clause: Clause, { context, joined }: Trial): string {
  if (clause.negate) return clauseWords(clause, names.segment);
  if (clause.op === segmentMatch) {
    const key = clause.values.map(String).find((one) => joined.has(one));
    if (key === undefined) return clauseWords(clause, names.segment);
    const since = joined.get(key);
    return `in ${names.segment(key)}${since === undefined ? '' : ` since ${exactTime(since)}`}`;
  }
  const value = clause.kind === context.kind ? context[clause.attribute] : undefined;
  return clause.op === 'in' && (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean')
    ? `${subjectOf(clause)} is ${shownValue(value, clause)}`
    : clauseWords(clause, names.segment);
}

/** Where in a rollout a context falls, and which part of it that is. */
function bucketWords(bucket: number | undefined, serve: Serve): string {
  if (bucket === undefined || !('rollout' in serve)) return '';
  const { from, to } = partAt(serve.rollout, bucket);
  const at = Math.floor(bucket / 1000);
  return from === 0 ? ` Bucket ${at} of ${percentOf(to)}.` : ` Bucket ${at}, from ${percentOf(from)} to ${percentOf(to)}.`;
}

function partAt({ variations }: Rollout, bucket: number): { from: number; to: number } {
  let to = 0;
  for (const { weight } of variations) {
    if (bucket < to + weight) return { from: to, to: to + weight };
    to += weight;
  }
  return { from: 0, to };
}

/** The segment of the matched rule that holds the context by its key. */
export function heldBy(outcome: Outcome, { targeting, joined }: Trial): string | undefined {
  const clauses = matchedRule(outcome, targeting)?.rule.clauses ?? [];
  return clauses.filter(({ op, negate }) => op === segmentMatch && !negate).flatMap(({ values }) => values.map(String)).find((key) => joined.has(key));
}
