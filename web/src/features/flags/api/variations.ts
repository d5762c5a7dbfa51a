import type { Flag, FlagConfig } from '@/features/flags/api/flags';

/** What the variations of a flag are. */
export type FlagKind = 'boolean' | 'string' | 'number' | 'json';
export const flagKinds = ['boolean', 'string', 'number', 'json'] as const satisfies readonly FlagKind[];

/** Of what kind a flag is: all of its variations are alike. */
export function kindOf(flag: Pick<Flag, 'variations'>): FlagKind {
  const type = typeof flag.variations[0]?.value;
  return type === 'boolean' || type === 'string' || type === 'number' ? type : 'json';
}

/** A variation while it is edited. */
export interface VariationDraft {
  /** Tells it from the others: the id of a variation that there is, or something new. */
  id: string;
  /** What it was before it was saved: its fields stay those that somebody types in. */
  newAs?: string;
  name: string;
  description: string;
  /** The value as it is typed. */
  text: string;
}

/** The variations of a flag while they are edited, with the ids of the two that new environments begin with. */
export interface VariationsDraft {
  list: VariationDraft[];
  on: string;
  off: string;
}

/** A value as it is typed: texts without quotes, JSON with room. */
export function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  return typeof value === 'object' ? JSON.stringify(value, null, 2) : JSON.stringify(value);
}

/** The value that a text stands for, or what is wrong with it. */
export function valueIn(kind: FlagKind, text: string): { value: unknown } | { problem: string } {
  switch (kind) {
    case 'string': return { value: text };
    case 'boolean': return { value: text === 'true' };
    case 'number': {
      const number = Number(text);
      return text.trim() === '' || !Number.isFinite(number) ? { problem: 'Type a number.' } : { value: number };
    }
    case 'json':
      try {
        const value: unknown = JSON.parse(text);
        return typeof value === 'object' && value !== null ? { value } : { problem: 'Type an object or an array.' };
      } catch (error) {
        return { problem: `This is not JSON: ${error instanceof Error ? error.message : String(error)}.` };
      }
  }
}

export function draftOf(flag: Flag): VariationsDraft {
  const idOf = (index: number) => flag.variations[index]?._id ?? '';
  return {
    list: flag.variations.map(({ _id, name, description, value }) => ({ id: _id ?? '', name: name ?? '', description: description ?? '', text: textOf(value) })),
    on: idOf(flag.defaults.onVariation), off: idOf(flag.defaults.offVariation),
  };
}

/** What is wrong with each variation, by its id; empty when they can be saved. */
export function problemsOf(kind: FlagKind, list: readonly VariationDraft[]): Record<string, string> {
  const problems: Record<string, string> = {};
  const seen = new Map<string, number>();
  list.forEach((draft, i) => {
    const read = valueIn(kind, draft.text);
    if ('problem' in read) {
      problems[draft.id] = read.problem;
      return;
    }
    const text = JSON.stringify(read.value);
    const first = seen.get(text);
    if (first === undefined) seen.set(text, i);
    else problems[draft.id] = `Variation ${first + 1} has this value already.`;
  });
  return problems;
}

export type VariationInstruction = { kind: string } & Record<string, unknown>;

/** What makes the flag's variations those of the draft: one instruction for each that differs. */
export function variationInstructions(flag: Flag, draft: VariationsDraft): VariationInstruction[] {
  const kind = kindOf(flag);
  const before = draftOf(flag);
  const value = (one: VariationDraft) => {
    const read = valueIn(kind, one.text);
    return 'value' in read ? read.value : undefined;
  };
  const changed = draft.list.flatMap((one): VariationInstruction[] => {
    const old = before.list.find(({ id }) => id === one.id);
    if (!old) return [{ kind: 'addVariation', value: value(one), name: one.name.trim(), description: one.description.trim() }];
    const change = {
      ...(old.name === one.name.trim() ? {} : { name: one.name.trim() }),
      ...(old.description === one.description.trim() ? {} : { description: one.description.trim() }),
      ...(JSON.stringify(value(old)) === JSON.stringify(value(one)) ? {} : { value: value(one) }),
    };
    return Object.keys(change).length === 0 ? [] : [{ kind: 'updateVariation', variationId: one.id, ...change }];
  });
  // A new variation has no id yet: it is named by its value.
  const named = (which: 'on' | 'off') => {
    const one = draft.list.find(({ id }) => id === draft[which]);
    const known = before.list.some(({ id }) => id === draft[which]);
    return known || !one ? { [`${which}VariationId`]: draft[which] } : { [`${which}VariationValue`]: value(one) };
  };
  const defaults = draft.on === before.on && draft.off === before.off ? [] : [{ kind: 'updateDefaultVariation', ...named('on'), ...named('off') }];
  const gone = before.list.filter(({ id }) => !draft.list.some((one) => one.id === id));
  return [...changed, ...defaults, ...gone.map(({ id }) => ({ kind: 'removeVariation', variationId: id }))];
}

/** Where a variation is served, in words and by environment: "in Production: rule 2, everyone else". */
export function usesOf(flag: Flag, index: number): string[] {
  return Object.values(flag.environments ?? {}).flatMap((config) => {
    const uses = usesIn(config, index);
    return uses.length === 0 ? [] : [`in ${config._environmentName}: ${uses.join(', ')}`];
  });
}

function usesIn(config: FlagConfig, index: number): string[] {
  const serves = (serve: { variation?: number; rollout?: { variations: { variation: number }[] } } | undefined) =>
    serve?.variation === index || (serve?.rollout?.variations.some(({ variation }) => variation === index) ?? false);
  const targeted = [...(config.targets ?? []), ...(config.contextTargets ?? [])].some(({ variation, values }) => variation === index && values.length > 0);
  return [
    ...(targeted ? ['targets'] : []),
    ...(config.rules ?? []).flatMap((rule, i) => (serves(rule) ? [`rule ${i + 1}`] : [])),
    ...(serves(config.fallthrough) ? ['everyone else'] : []),
    ...(config.offVariation === index ? ['when off'] : []),
  ];
}

/**
 * The same edits over what somebody else saved meanwhile: what was edited here stays as it is here, the
 * rest is theirs.
 */
export function moved(edited: VariationsDraft, before: VariationsDraft, now: VariationsDraft): VariationsDraft {
  const of = (list: readonly VariationDraft[], id: string) => list.find((one) => one.id === id);
  const kept = now.list.flatMap((theirs): VariationDraft[] => {
    const [ours, old] = [of(edited.list, theirs.id), of(before.list, theirs.id)];
    if (!old) return [theirs];
    if (!ours) return [];
    const pick = (field: 'name' | 'description' | 'text') => (ours[field] === old[field] ? theirs[field] : ours[field]);
    return [{ ...ours, id: theirs.id, name: pick('name'), description: pick('description'), text: pick('text') }];
  });
  const added = edited.list.filter(({ id }) => !of(before.list, id));
  return { list: [...kept, ...added], on: edited.on === before.on ? now.on : edited.on, off: edited.off === before.off ? now.off : edited.off };
}

/** What is an edit still once `sent` was saved: what was typed since, over the flag as it is now. */
export function editsSince(edited: VariationsDraft, sent: VariationsDraft, saved: Flag): VariationsDraft {
  const kind = kindOf(saved);
  const known = new Map(saved.variations.map(({ _id, value }) => [JSON.stringify(value), _id]));
  const isThere = (id: string) => saved.variations.some(({ _id }) => _id === id);
  // A new variation got its id, which its value tells.
  const ids = new Map(sent.list.flatMap(({ id, text }) => {
    const read = valueIn(kind, text);
    const now = isThere(id) || !('value' in read) ? undefined : known.get(JSON.stringify(read.value));
    return now === undefined ? [] : [[id, now] as const];
  }));
  const named = ({ list, on, off }: VariationsDraft): VariationsDraft => ({
    list: list.map((one) => {
      const id = ids.get(one.id);
      return id === undefined ? one : { ...one, id, newAs: one.id };
    }),
    on: ids.get(on) ?? on, off: ids.get(off) ?? off,
  });
  return moved(named(edited), named(sent), draftOf(saved));
}

/** What a new flag of a kind begins with: the first is served when it is on, the last when it is off. */
export function newVariations(kind: FlagKind): VariationDraft[] {
  const texts: Record<FlagKind, string[]> = { boolean: ['true', 'false'], string: ['', ''], number: ['', ''], json: ['{}', '[]'] };
  return texts[kind].map((text, i) => ({ id: `new-${i}`, name: '', description: '', text }));
}

/** The variations of a draft without problems, as the API takes them. */
export function variationsIn(kind: FlagKind, list: readonly VariationDraft[]): { value: unknown; name?: string; description?: string }[] {
  return list.map(({ text, name, description }) => {
    const read = valueIn(kind, text);
    return {
      value: 'value' in read ? read.value : undefined,
      ...(name.trim() === '' ? {} : { name: name.trim() }), ...(description.trim() === '' ? {} : { description: description.trim() }),
    };
  });
}

/** What makes a flag serve its first variation to the members of a segment, and its last to everyone else. */
export function serveOnly(flag: Pick<Flag, 'variations'>, segment: string): VariationInstruction[] {
  return [
    { kind: 'addRule', variationId: flag.variations[0]?._id, clauses: [{ contextKind: '', attribute: 'segmentMatch', op: 'segmentMatch', values: [segment], negate: false }] },
    { kind: 'updateFallthroughVariationOrRollout', variationId: flag.variations.at(-1)?._id },
  ];
}
