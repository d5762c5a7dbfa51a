import type { components } from '@/lib/api/schema';

export type Rollout = components['schemas']['Rollout'];

/** The whole of a rollout: shares are thousandths of a percent. */
export const whole = 100_000;

/** A share as people read it: "33.333". */
export function percentOf(weight: number): string {
  return String(weight / 1000);
}

/** The share of a percentage, with the three digits that there are; undefined when it is none from 0 to 100. */
export function weightOf(percent: number): number | undefined {
  const weight = Math.round(percent * 1000);
  return Number.isFinite(weight) && weight >= 0 && weight <= whole ? weight : undefined;
}

/** How much of the whole nobody gets yet; negative when more is given than there is. */
export function leftOf(rollout: Rollout): number {
  return whole - rollout.variations.reduce((sum, { weight }) => sum + weight, 0);
}

/** A rollout over so many variations, each with as much as the next; what cannot be divided goes to the first. */
export function evenRollout(variations: number): Rollout {
  const share = Math.floor(whole / variations);
  return {
    variations: Array.from({ length: variations }, (_, variation) => ({ variation, weight: variation === 0 ? whole - share * (variations - 1) : share })),
  };
}

/**
 * The rollout with another share for one of its variations. Of two variations the other one gets the
 * rest; among more a person decides.
 */
export function withWeight(rollout: Rollout, at: number, weight: number): Rollout {
  const rest = rollout.variations.length === 2 ? whole - weight : undefined;
  return {
    ...rollout,
    variations: rollout.variations.map((part, i) => (i === at ? { ...part, weight } : rest === undefined ? part : { ...part, weight: rest })),
  };
}

/** The rollout with a part for every variation of the flag, in their order; those that are new have no share. */
export function completed(rollout: Rollout, variations: number): Rollout {
  const missing = Array.from({ length: variations }, (_, variation) => variation)
    .filter((variation) => !rollout.variations.some((part) => part.variation === variation));
  return missing.length === 0 ? rollout : { ...rollout, variations: [...rollout.variations, ...missing.map((variation) => ({ variation, weight: 0 }))] };
}

/** Whether the rollout has parts that no semantic patch can name, so that editing it would lose them. */
export function isFixed(rollout: Rollout): boolean {
  return rollout.seed !== undefined || rollout.kind === 'experiment' || rollout.variations.some((part) => part._untracked === true);
}
