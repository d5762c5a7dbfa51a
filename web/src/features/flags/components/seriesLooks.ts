import type { EvaluationRange, Series } from '@/features/flags/api/buckets';
import type { Flag } from '@/features/flags/api/flags';
import { variationOf } from '@/features/flags/components/flagWords';

/** One variation in a chart of evaluations: what it is called and how its bars look. */
export interface Part {
  /** In the points of the series. */
  key: string;
  name: string;
  fill: string;
  /** The variation that is served when the flag is off. */
  hatched: boolean;
}

/**
 * The parts of a chart in the order of the variations: shades of one colour, that which is served when
 * the flag is off hatched, and what was no variation in grey.
 */
export function partsOf(series: Series, flag: Pick<Flag, 'variations'>, off: number | undefined): Part[] {
  const shaded = series.metadata.filter(({ variation }) => variation !== null && variation !== off).length;
  let shade = 0;
  return series.metadata.map(({ key, variation }) => {
    if (variation === null) return { key, name: 'Default in the code', fill: 'var(--m-control)', hatched: false };
    const name = variationOf(flag, variation);
    if (variation === off) return { key, name, fill: 'var(--m-accent)', hatched: true };
    const part = shaded <= 1 ? 100 : Math.round(100 - (shade * 65) / (shaded - 1));
    shade += 1;
    return { key, name, fill: `color-mix(in srgb, var(--m-accent) ${part}%, var(--m-surface))`, hatched: false };
  });
}

/** A part of a whole: "31 %", "< 0.1 %". */
export function shareOf(part: number, whole: number): string {
  if (whole === 0) return '–';
  const share = (100 * part) / whole;
  if (share > 0 && share < 0.1) return '< 0.1 %';
  if (share > 99.9 && share < 100) return '> 99.9 %';
  return `${Math.round(share * 10) / 10} %`;
}

export const rangeWords: Record<EvaluationRange, string> = { '24h': '24 hours', '48h': '48 hours', '7d': '7 days' };
