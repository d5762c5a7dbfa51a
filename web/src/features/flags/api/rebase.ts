import { same, targetsByKey, type Clause, type Rule, type Target, type Targeting } from '@/features/flags/api/targeting';

/**
 * What somebody edited, on top of what others saved meanwhile: `base` is what was edited, `mine` what
 * became of it here, `theirs` what became of it on the server. Where both changed one thing, mine stays.
 */
export function rebased(base: Targeting, mine: Targeting, theirs: Targeting): Targeting {
  return {
    prerequisites: merged(base.prerequisites, mine.prerequisites, theirs.prerequisites, (one) => one.key, chosen),
    targets: mergedTargets(base.targets, mine.targets, theirs.targets),
    rules: merged(base.rules, mine.rules, theirs.rules, (rule) => rule.id, mergedRule),
    fallthrough: chosen(base.fallthrough, mine.fallthrough, theirs.fallthrough),
    off: chosen(base.off, mine.off, theirs.off),
  };
}

function chosen<T>(base: T, mine: T, theirs: T): T {
  return same(base, mine) ? theirs : mine;
}

function mergedRule(base: Rule, mine: Rule, theirs: Rule): Rule {
  return {
    ...theirs,
    description: chosen(base.description, mine.description, theirs.description),
    clauses: merged(base.clauses, mine.clauses, theirs.clauses, (clause) => clause.id, chosen<Clause>),
    serve: chosen(base.serve, mine.serve, theirs.serve),
  };
}

/**
 * Merges lists of things that have ids. What I removed is gone; what they removed comes back only if I
 * changed it. The order is mine if I changed it, else theirs, and what the other one added stands
 * behind what it stood behind there.
 */
function merged<T>(base: readonly T[], mine: readonly T[], theirs: readonly T[], idOf: (one: T) => string, merge: (base: T, mine: T, theirs: T) => T): T[] {
  const find = (list: readonly T[], id: string) => list.find((one) => idOf(one) === id);
  const stays = (id: string) => {
    const [was, my, their] = [find(base, id), find(mine, id), find(theirs, id)];
    if (!was) return my ?? their;
    if (!my) return undefined;
    if (their) return merge(was, my, their);
    return same(was, my) ? undefined : my;
  };
  const common = (list: readonly T[]) => list.map(idOf).filter((id) => find(base, id) && find(mine, id));
  const [first, second] = same(common(base), common(mine)) ? [theirs, mine] : [mine, theirs];
  const order = first.map(idOf);
  second.map(idOf).forEach((id, i, ids) => {
    if (order.includes(id)) return;
    const behind = ids.slice(0, i).reverse().find((one) => order.includes(one));
    order.splice(behind === undefined ? 0 : order.indexOf(behind) + 1, 0, id);
  });
  return order.map(stays).filter((one) => one !== undefined);
}

/** Context keys are merged one by one: each has one variation, or none. */
function mergedTargets(base: readonly Target[], mine: readonly Target[], theirs: readonly Target[]): Target[] {
  const [was, my, their] = [targetsByKey(base), targetsByKey(mine), targetsByKey(theirs)];
  const result: Target[] = [];
  const add = (kind: string, variation: number, value: string) => {
    const row = result.find((one) => one.kind === kind && one.variation === variation);
    if (row) row.values.push(value);
    else result.push({ kind, variation, values: [value] });
  };
  for (const kind of new Set([...their.keys(), ...my.keys()])) {
    for (const value of new Set([...their.get(kind)?.keys() ?? [], ...my.get(kind)?.keys() ?? []])) {
      const variation = chosen(was.get(kind)?.get(value), my.get(kind)?.get(value), their.get(kind)?.get(value));
      if (variation !== undefined) add(kind, variation, value);
    }
  }
  return result;
}
