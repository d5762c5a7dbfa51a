import { leftOf, percentOf, type Rollout } from '@/features/flags/api/rollout';
import { gone, same, segmentMatch, type Clause, type Rule, type Serve, type Targeting } from '@/features/flags/api/targeting';
import { valueFault } from '@/features/flags/api/values';

/**
 * What has to be put right before a targeting can be saved: the id of a rule or a clause, "fallthrough",
 * "off" or "targets", and a sentence. Only what differs from what is saved is looked at.
 */
export type Faults = ReadonlyMap<string, string>;

export const noFaults: Faults = new Map();

/** What is wrong with serving a variation that somebody else removed meanwhile. */
export const variationGone = 'This variation was removed. Choose another.';

export function faultsOf(saved: Targeting, edited: Targeting): Faults {
  const faults = new Map<string, string>();
  const note = (id: string, fault: string | undefined) => {
    if (fault !== undefined) faults.set(id, fault);
  };
  for (const rule of edited.rules) {
    const known = saved.rules.find((one) => one.id === rule.id);
    if (same(known, rule)) continue;
    note(rule.id, ruleFault(rule));
    rule.clauses.forEach((clause) => note(clause.id, clauseFault(clause)));
  }
  note('fallthrough', serveFault(edited.fallthrough));
  note('off', edited.off === gone ? variationGone : undefined);
  note('targets', targetFault(edited));
  return faults;
}

function ruleFault(rule: Rule): string | undefined {
  if (rule.clauses.length === 0) return 'A rule needs a condition. What everybody gets stands below, at “Everyone else”.';
  return serveFault(rule.serve);
}

function serveFault(serve: Serve): string | undefined {
  if ('rollout' in serve) return shareFault(serve.rollout);
  return serve.variation === gone ? variationGone : undefined;
}

/** What is wrong with the shares of a rollout. */
export function shareFault(rollout: Rollout): string | undefined {
  const left = leftOf(rollout);
  if (left === 0) return undefined;
  return left > 0 ? `${percentOf(left)} % are left to give: the shares must reach 100 %.` : `${percentOf(-left)} % too much: the shares must be 100 % together.`;
}

function clauseFault(clause: Clause): string | undefined {
  if (clause.op === segmentMatch) return clause.values.length === 0 ? 'Choose a segment.' : undefined;
  if (clause.kind === '') return 'Choose a context kind.';
  if (clause.attribute.trim() === '') return 'Name the attribute.';
  if (clause.values.length === 0) return 'Type a value, then press Enter.';
  return clause.values.map((value) => valueFault(value, clause.op)).find((fault) => fault !== undefined);
}

/** The server refuses a context key that is to be served two variations. */
function targetFault({ targets }: Targeting): string | undefined {
  if (targets.some(({ variation, values }) => variation === gone && values.length > 0)) return variationGone;
  const seen = new Map<string, number>();
  for (const { kind, variation, values } of targets) {
    for (const value of values) {
      const before = seen.get(`${kind} ${value}`);
      if (before !== undefined && before !== variation) return `${kind} ${value} stands under two variations. Take it out of one.`;
      seen.set(`${kind} ${value}`, variation);
    }
  }
  return undefined;
}
