import type { Instruction } from '@/features/flags/api/flag';
import { same, targetsByKey, type Clause, type Prerequisite, type Rule, type Serve, type Target, type Targeting } from '@/features/flags/api/targeting';

/** The ids of the flag's variations, by their index. */
type VariationIds = readonly string[];

/**
 * The semantic patch that makes one targeting of another. It says only what differs, so that what
 * somebody else changes meanwhile stays.
 */
export function instructionsOf(ids: VariationIds, before: Targeting, after: Targeting): Instruction[] {
  return [
    ...prerequisiteSteps(before.prerequisites, after.prerequisites),
    ...targetSteps(ids, before.targets, after.targets),
    ...ruleSteps(ids, before.rules, after.rules),
    ...(same(before.fallthrough, after.fallthrough) ? [] : [{ kind: 'updateFallthroughVariationOrRollout', ...serving(ids, after.fallthrough) }]),
    ...(before.off === after.off || after.off === undefined ? [] : [{ kind: 'updateOffVariation', variationId: idOf(ids, after.off) }]),
  ];
}

function idOf(ids: VariationIds, variation: number): string {
  const id = ids[variation];
  if (id === undefined) throw new Error(`the flag has no variation ${variation}`);
  return id;
}

function serving(ids: VariationIds, serve: Serve): Record<string, unknown> {
  if ('variation' in serve) return { variationId: idOf(ids, serve.variation) };
  const { variations, bucketBy, contextKind } = serve.rollout;
  return {
    rolloutWeights: Object.fromEntries(variations.map((part) => [idOf(ids, part.variation), part.weight])),
    ...(bucketBy === undefined ? {} : { rolloutBucketBy: bucketBy }),
    ...(contextKind === undefined ? {} : { rolloutContextKind: contextKind }),
  };
}

function prerequisiteSteps(before: readonly Prerequisite[], after: readonly Prerequisite[]): Instruction[] {
  const steps: Instruction[] = before
    .filter(({ key }) => !after.some((one) => one.key === key))
    .map(({ key }) => ({ kind: 'removePrerequisite', key }));
  for (const { key, variation, variationId } of after) {
    const known = before.find((one) => one.key === key);
    if (known?.variation === variation) continue;
    if (variationId === undefined) throw new Error(`the variation of the prerequisite ${key} is not known`);
    steps.push({ kind: known ? 'updatePrerequisite' : 'addPrerequisite', key, variationId });
  }
  return steps;
}

/** Keys that change from one variation to another leave the one before they come to the other. */
function targetSteps(ids: VariationIds, before: readonly Target[], after: readonly Target[]): Instruction[] {
  const was = targetsByKey(before);
  const is = targetsByKey(after);
  return [...missing('removeTargets', was, is), ...missing('addTargets', is, was)].map(({ kind, contextKind, variation, values }) => ({
    kind, contextKind, variationId: idOf(ids, variation), values,
  }));
}

type Keys = ReturnType<typeof targetsByKey>;

function missing(kind: string, from: Keys, among: Keys) {
  return [...from].flatMap(([contextKind, keys]) => {
    const byVariation = new Map<number, string[]>();
    keys.forEach((variation, key) => {
      if (among.get(contextKind)?.get(key) !== variation) byVariation.set(variation, [...byVariation.get(variation) ?? [], key]);
    });
    return [...byVariation].map(([variation, values]) => ({ kind, contextKind, variation, values }));
  });
}

function ruleSteps(ids: VariationIds, before: readonly Rule[], after: readonly Rule[]): Instruction[] {
  const saved = (rule: Rule) => before.find((one) => one.id === rule.id);
  const kept = before.filter((rule) => after.some((one) => one.id === rule.id)).map((rule) => rule.id);
  const sorted = after.filter(saved).map((rule) => rule.id);
  return [
    ...before.filter((rule) => !kept.includes(rule.id)).map((rule) => ({ kind: 'removeRule', ruleId: rule.id })),
    ...after.flatMap((rule) => {
      const known = saved(rule);
      return known ? changedRule(ids, known, rule) : [];
    }),
    ...(same(kept, sorted) ? [] : [{ kind: 'reorderRules', ruleIds: sorted }]),
    ...after.flatMap((rule, i) => (saved(rule) ? [] : [newRule(ids, rule, after.slice(i).find(saved)?.id)])),
  ];
}

function newRule(ids: VariationIds, rule: Rule, before: string | undefined): Instruction {
  return {
    kind: 'addRule', clauses: rule.clauses.map(written), ...serving(ids, rule.serve),
    ...(rule.description === '' ? {} : { description: rule.description }), ...(before === undefined ? {} : { beforeRuleId: before }),
  };
}

function changedRule(ids: VariationIds, before: Rule, after: Rule): Instruction[] {
  const ruleId = after.id;
  const gone = before.clauses.filter((clause) => !after.clauses.some((one) => one.id === clause.id));
  const added = after.clauses.filter((clause) => !before.clauses.some((one) => one.id === clause.id));
  return [
    ...(before.description === after.description ? [] : [{ kind: 'updateRuleDescription', ruleId, description: after.description }]),
    ...before.clauses.flatMap((clause) => {
      const now = after.clauses.find((one) => one.id === clause.id);
      return now ? changedClause(ruleId, clause, now) : [];
    }),
    ...(gone.length === 0 ? [] : [{ kind: 'removeClauses', ruleId, clauseIds: gone.map((clause) => clause.id) }]),
    ...(added.length === 0 ? [] : [{ kind: 'addClauses', ruleId, clauses: added.map(written) }]),
    ...(same(before.serve, after.serve) ? [] : [{ kind: 'updateRuleVariationOrRollout', ruleId, ...serving(ids, after.serve) }]),
  ];
}

function changedClause(ruleId: string, before: Clause, after: Clause): Instruction[] {
  if (same(before, after)) return [];
  if (!same({ ...before, values: [] }, { ...after, values: [] })) return [{ kind: 'updateClause', ruleId, clauseId: after.id, clause: written(after) }];
  const clauseId = after.id;
  const lacks = (of: readonly unknown[]) => (value: unknown) => !of.some((one) => same(one, value));
  const gone = before.values.filter(lacks(after.values));
  const added = after.values.filter(lacks(before.values));
  return [
    ...(gone.length === 0 ? [] : [{ kind: 'removeValuesFromClause', ruleId, clauseId, values: gone }]),
    ...(added.length === 0 ? [] : [{ kind: 'addValuesToClause', ruleId, clauseId, values: added }]),
  ];
}

function written({ kind, attribute, op, values, negate }: Clause) {
  return { ...(kind === undefined ? {} : { contextKind: kind }), attribute, op, values, negate };
}
