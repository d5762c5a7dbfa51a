import type { FlagConfig } from '@/features/flags/api/flags';
import type { Rollout } from '@/features/flags/api/rollout';

/** What a rule, or everybody else, is served: one variation, or several by shares. */
export type Serve = { variation: number } | { rollout: Rollout };

/** Another flag that has to serve one of its variations first. */
export interface Prerequisite {
  key: string;
  variation: number;
  /** The id of the variation; known only of what was chosen on this page. */
  variationId?: string;
}

/** Contexts of one kind that are served a variation by their keys. */
export interface Target {
  kind: string;
  variation: number;
  values: string[];
}

export interface Clause {
  /** Of a clause that is not saved yet, an id of this page. */
  id: string;
  /** undefined for segments, each of which has a kind of its own. */
  kind: string | undefined;
  attribute: string;
  op: string;
  values: unknown[];
  negate: boolean;
}

export interface Rule {
  /** Of a rule that is not saved yet, an id of this page. */
  id: string;
  description: string;
  clauses: Clause[];
  serve: Serve;
  /** SDKs do not see it. */
  disabled: boolean;
}

/** Whom a flag serves what in one environment, as it is saved or as somebody edits it. */
export interface Targeting {
  prerequisites: Prerequisite[];
  targets: Target[];
  rules: Rule[];
  fallthrough: Serve;
  /** undefined: the default in the code. */
  off: number | undefined;
}

/** The operator of clauses whose values are keys of segments. */
export const segmentMatch = 'segmentMatch';

/** The kind of contexts that is meant where none is named. */
export const defaultKind = 'user';

/** The targeting of a saved configuration. */
export function targetingOf(config: FlagConfig): Targeting {
  return {
    prerequisites: (config.prerequisites ?? []).map(({ key, variation }) => ({ key, variation })),
    targets: [...(config.targets ?? []), ...(config.contextTargets ?? [])]
      .filter((target) => target.values.length > 0)
      .map((target) => ({ kind: target.contextKind ?? defaultKind, variation: target.variation, values: target.values })),
    rules: (config.rules ?? []).map((rule, i) => ({
      id: rule._id ?? `rule ${i}`,
      description: rule.description ?? '',
      clauses: rule.clauses.map((clause, j) => ({
        id: clause._id ?? `clause ${j}`, kind: clause.op === segmentMatch ? undefined : clause.contextKind ?? defaultKind,
        attribute: clause.attribute, op: clause.op, values: clause.values, negate: clause.negate,
      })),
      serve: serveOf(rule),
      disabled: rule.disabled ?? false,
    })),
    fallthrough: serveOf(config.fallthrough ?? {}),
    off: config.offVariation,
  };
}

function serveOf(saved: Pick<NonNullable<FlagConfig['fallthrough']>, 'variation' | 'rollout'>): Serve {
  return saved.rollout ? { rollout: saved.rollout } : { variation: saved.variation ?? 0 };
}

/** The place of a variation that the flag has no more. */
export const gone = -1;

/** The same targeting where the variations of the flag have other places: placeOf says where one stands now, or that it is gone. */
export function renumbered(targeting: Targeting, placeOf: (variation: number) => number): Targeting {
  const moved = <T extends { variation: number }>(one: T): T => ({ ...one, variation: placeOf(one.variation) });
  const served = (serve: Serve): Serve => ('variation' in serve
    ? moved(serve)
    : { rollout: { ...serve.rollout, variations: serve.rollout.variations.map(moved).filter(({ variation }) => variation !== gone) } });
  return {
    ...targeting,
    targets: targeting.targets.map(moved),
    rules: targeting.rules.map((rule) => ({ ...rule, serve: served(rule.serve) })),
    fallthrough: served(targeting.fallthrough),
    off: targeting.off === undefined ? undefined : placeOf(targeting.off),
  };
}

/** Whether two parts of a targeting say the same. */
export function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** Who is targeted by key, and which variation they get: kind, then key. */
export function targetsByKey(targets: readonly Target[]): Map<string, Map<string, number>> {
  const kinds = new Map<string, Map<string, number>>();
  for (const { kind, variation, values } of targets) {
    const keys = kinds.get(kind) ?? new Map<string, number>();
    values.forEach((value) => keys.set(value, variation));
    kinds.set(kind, keys);
  }
  return kinds;
}

let made = 0;

/** An id for what is not saved yet. */
function unsavedId(): string {
  return `unsaved ${++made}`;
}

/** A clause that asks for a segment still to be chosen. */
export function unsavedClause(): Clause {
  return { id: unsavedId(), kind: undefined, attribute: segmentMatch, op: segmentMatch, values: [], negate: false };
}

/** A rule that serves the first variation to a segment still to be chosen. */
export function unsavedRule(): Rule {
  return { id: unsavedId(), description: '', clauses: [unsavedClause()], serve: { variation: 0 }, disabled: false };
}
