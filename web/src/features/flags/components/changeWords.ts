import { leftOf, percentOf } from '@/features/flags/api/rollout';
import { same, targetsByKey, type Clause, type Prerequisite, type Rule, type Serve, type Target, type Targeting } from '@/features/flags/api/targeting';
import { shownValue } from '@/features/flags/api/values';
import { clauseWords, subjectOf, testWords } from '@/features/flags/components/clauseWords';
import { counted } from '@/lib/number';

/** What things are called that a targeting names by keys and indices. */
export interface Names {
  variation: (index: number | undefined) => string;
  segment: (key: string) => string;
  flag: (key: string) => string;
  /** A variation of another flag. */
  variationOf: (flag: string, index: number) => string;
}

/** So many context keys are told one by one. */
const mostKeys = 5;

/** What differs between two targetings, a sentence for each change: "Rule 1: rollout 50 % → 80 %". */
export function changesOf(names: Names, before: Targeting, after: Targeting): string[] {
  return [
    ...prerequisiteChanges(names, before.prerequisites, after.prerequisites),
    ...targetChanges(names, before.targets, after.targets),
    ...ruleChanges(names, before.rules, after.rules),
    ...serveChanges(names, 'Everyone else', before.fallthrough, after.fallthrough),
    ...(before.off === after.off ? [] : [`When off: ${names.variation(before.off)} → ${names.variation(after.off)}`]),
  ];
}

function prerequisiteChanges(names: Names, before: readonly Prerequisite[], after: readonly Prerequisite[]): string[] {
  return [
    ...before.filter(({ key }) => !after.some((one) => one.key === key)).map(({ key }) => `Prerequisite ${names.flag(key)}: removed`),
    ...after.flatMap(({ key, variation }) => {
      const known = before.find((one) => one.key === key);
      if (!known) return [`Prerequisite ${names.flag(key)}: has to serve ${names.variationOf(key, variation)}`];
      return known.variation === variation ? [] : [`Prerequisite ${names.flag(key)}: ${names.variationOf(key, known.variation)} → ${names.variationOf(key, variation)}`];
    }),
  ];
}

function targetChanges(names: Names, before: readonly Target[], after: readonly Target[]): string[] {
  const was = targetsByKey(before);
  const is = targetsByKey(after);
  const groups = new Map<string, string[]>();
  for (const kind of new Set([...was.keys(), ...is.keys()])) {
    for (const key of new Set([...was.get(kind)?.keys() ?? [], ...is.get(kind)?.keys() ?? []])) {
      const [from, to] = [was.get(kind)?.get(key), is.get(kind)?.get(key)];
      if (from === to) continue;
      const what = to === undefined ? `no longer served ${names.variation(from)} by key` : `served ${names.variation(to)}`;
      const group = `${kind}\n${what}`;
      groups.set(group, [...groups.get(group) ?? [], key]);
    }
  }
  return [...groups].map(([group, keys]) => {
    const [kind = '', what = ''] = group.split('\n');
    const who = keys.length <= mostKeys ? `${kind} ${keys.join(', ')}` : counted(keys.length, `${kind} key`);
    return `Targets: ${who} ${what}`;
  });
}

function ruleChanges(names: Names, before: readonly Rule[], after: readonly Rule[]): string[] {
  const at = (list: readonly Rule[], rule: Rule) => list.findIndex((one) => one.id === rule.id);
  const kept = before.filter((rule) => at(after, rule) >= 0);
  const sorted = after.filter((rule) => at(before, rule) >= 0);
  const moved = !same(kept.map((rule) => rule.id), sorted.map((rule) => rule.id));
  return [
    ...before.flatMap((rule, i) => (at(after, rule) >= 0 ? [] : [`Rule ${i + 1}${titled(rule)}: removed`])),
    ...(moved ? [`Rules: new order, ${sorted.map((rule) => `${at(before, rule) + 1}`).join(', ')}`] : []),
    ...after.flatMap((rule, i) => {
      const known = before[at(before, rule)];
      const label = `Rule ${i + 1}`;
      if (known) return changedRule(names, label, known, rule);
      return [`${label}${titled(rule)}: new, if ${rule.clauses.map((clause) => clauseWords(clause, names.segment)).join(' and ')} serve ${serveWords(names, rule.serve)}`];
    }),
  ];
}

function titled(rule: Rule): string {
  return rule.description === '' ? '' : ` (${rule.description})`;
}

function changedRule(names: Names, label: string, before: Rule, after: Rule): string[] {
  const has = (rule: Rule, clause: Clause) => rule.clauses.find((one) => one.id === clause.id);
  return [
    ...(before.description === after.description ? [] : [after.description === '' ? `${label}: no name` : `${label}: named “${after.description}”`]),
    ...before.clauses.filter((clause) => !has(after, clause)).map((clause) => `${label}: no longer asks ${clauseWords(clause, names.segment)}`),
    ...after.clauses.flatMap((clause) => {
      const known = has(before, clause);
      if (!known) return [`${label}: also asks ${clauseWords(clause, names.segment)}`];
      return same(known, clause) ? [] : [clauseChange(names, label, known, clause)];
    }),
    ...serveChanges(names, label, before.serve, after.serve),
  ];
}

function clauseChange(names: Names, label: string, before: Clause, after: Clause): string {
  if (!same({ ...before, values: [] }, { ...after, values: [] })) return `${label}: ${clauseWords(before, names.segment)} → ${clauseWords(after, names.segment)}`;
  const subject = after.kind === undefined ? testWords(after) : `${subjectOf(after)} ${testWords(after)}`;
  const shown = (value: unknown) => (after.kind === undefined ? names.segment(String(value)) : shownValue(value, after));
  const lacking = (list: readonly unknown[], of: readonly unknown[]) => list.filter((value) => !of.some((one) => same(one, value))).map(shown).join(', ');
  const parts = [['with', lacking(after.values, before.values)], ['without', lacking(before.values, after.values)]].filter(([, values]) => values !== '');
  return `${label}: ${subject}, now ${parts.map((part) => part.join(' ')).join(' and ')}`;
}

function serveChanges(names: Names, label: string, before: Serve, after: Serve): string[] {
  if (same(before, after)) return [];
  const share = ({ variations }: Extract<Serve, { rollout: unknown }>['rollout']) => `${percentOf(variations[0]?.weight ?? 0)} %`;
  const alike = (serve: Serve) => ('rollout' in serve ? serve.rollout.variations.map((part) => part.variation) : []);
  if ('rollout' in before && 'rollout' in after && after.rollout.variations.length === 2 && same(alike(before), alike(after)) && leftOf(after.rollout) === 0
    && share(before.rollout) !== share(after.rollout)) {
    return [`${label}: rollout ${share(before.rollout)} → ${share(after.rollout)}`];
  }
  return [`${label}: ${serveWords(names, before)} → ${serveWords(names, after)}`];
}

/** What is served: a variation, or the shares of a rollout. */
export function serveWords(names: Pick<Names, 'variation'>, serve: Serve): string {
  if ('variation' in serve) return names.variation(serve.variation);
  const { variations, bucketBy, contextKind } = serve.rollout;
  const by = [contextKind === 'user' ? undefined : contextKind, bucketBy === 'key' ? undefined : bucketBy].filter((part) => part !== undefined).join(' ');
  return `${variations.map(({ variation, weight }) => `${names.variation(variation)} ${percentOf(weight)} %`).join(', ')}${by === '' ? '' : ` by ${by}`}`;
}
