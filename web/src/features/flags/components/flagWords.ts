import type { Flag, FlagConfig } from '@/features/flags/api/flags';
import type { FlagKind } from '@/features/flags/api/variations';
import { counted, digits } from '@/lib/number';

export const kindWords: Record<FlagKind, string> = { boolean: 'Boolean', string: 'String', number: 'Number', json: 'JSON' };

export function onOff(on: boolean): string {
  return on ? 'on' : 'off';
}

/** A variation as people call it: its name, else its value. */
export function variationOf(flag: Pick<Flag, 'variations'>, index: number | undefined): string {
  if (index === undefined) return 'the default in the code';
  const variation = flag.variations[index];
  if (!variation) return 'a variation that was removed';
  return variation.name !== undefined && variation.name !== '' ? variation.name : JSON.stringify(variation.value);
}

/** What a flag serves, in one line. */
export function servesOf(flag: Flag, config: FlagConfig): string {
  if (!config.on) return `${variationOf(flag, config.offVariation)} for all`;
  const rest = config.fallthrough?.rollout
    ? config.fallthrough.rollout.variations.map(({ variation, weight }) => `${variationOf(flag, variation)} ${weight / 1000} %`).join(', ')
    : variationOf(flag, config.fallthrough?.variation);
  const rules = config.rules?.length ?? 0;
  const targets = (config.targets?.length ?? 0) + (config.contextTargets?.length ?? 0);
  if (rules === 0 && targets === 0) return `${rest} for all`;
  return `by ${[rules > 0 && counted(rules, 'rule'), targets > 0 && 'targets'].filter((part) => part !== false).join(' and ')}, else ${rest}`;
}

/** The keys of the segments that the rules name. */
export function segmentsOf(config: FlagConfig): string[] {
  const clauses = (config.rules ?? []).flatMap((rule) => rule.clauses).filter((clause) => clause.op === 'segmentMatch');
  return [...new Set(clauses.flatMap((clause) => clause.values).filter((value) => typeof value === 'string'))];
}

/** Evaluations by the hour in words; the last hour is the present one, which still counts. */
export function trendWords(hours: readonly number[]): string {
  const over = hours.slice(0, -1);
  if (hours.every((n) => n === 0)) return `Not evaluated in the last ${hours.length} hours`;
  return `Evaluations by the hour: ${digits(Math.min(...over))} to ${digits(Math.max(...over))}, ${digits(hours.at(-1) ?? 0)} in this hour so far`;
}
