import type { components } from '@/lib/api/schema';

export type Series = components['schemas']['Series'];

/** How far back evaluations are told: as far as the server has them by the hour, and by the day. */
export const evaluationRanges = ['24h', '48h', '7d'] as const;
export type EvaluationRange = (typeof evaluationRanges)[number];

const hour = 3_600_000;

/** Where each step of a range begins, the oldest first; the last one has not ended yet. */
export function stepsOf(range: EvaluationRange, now: number): number[] {
  if (range === '7d') {
    const today = new Date(now);
    return Array.from({ length: 7 }, (_, i) => new Date(today.getFullYear(), today.getMonth(), today.getDate() - 6 + i).getTime());
  }
  const hours = range === '24h' ? 24 : 48;
  const last = now - (now % hour);
  return Array.from({ length: hours }, (_, i) => last - (hours - 1 - i) * hour);
}

/** How often a flag was evaluated in a range that ends with the moment it was asked for. */
export interface Evaluations {
  range: EvaluationRange;
  asOf: number;
  series: Series;
}

/** What was served in one step of a range. */
export interface Bucket {
  at: number;
  /** By the key of the series' metadata. */
  counts: Record<string, number>;
  total: number;
}

/** A bucket for every step of the range; one in which nothing was evaluated has zeros. */
export function bucketsOf({ series, range, asOf }: Evaluations): Bucket[] {
  const points = new Map(series.series.map((point) => [point.time, point]));
  const steps = stepsOf(range, asOf);
  // What a point says of a step that the browser does not know, as where clocks are changed, still counts.
  const all = [...new Set([...steps, ...points.keys()].filter((at) => at !== undefined))].sort((a, b) => a - b);
  return all.map((at) => {
    const counts = Object.fromEntries(series.metadata.map(({ key }) => [key, points.get(at)?.[key] ?? 0]));
    return { at, counts, total: Object.values(counts).reduce((sum, n) => sum + n, 0) };
  });
}

/** How often the flag was evaluated in all of the range. */
export function evaluationsOf(evaluations: Evaluations): number {
  return evaluations.series.metadata.reduce((sum, { key }) => sum + servedOf(evaluations, key), 0);
}

/** How often the variation with a key of the metadata was served. */
export function servedOf({ series }: Evaluations, key: string): number {
  return series.series.reduce((sum, point) => sum + (point[key] ?? 0), 0);
}
