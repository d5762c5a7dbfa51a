import { useQueries } from '@tanstack/react-query';

import { flagQuery, type FlagPlace } from '@/features/flags/api/flag';
import type { Flag } from '@/features/flags/api/flags';
import { namedSegmentQuery } from '@/features/flags/api/namedSegments';
import { segmentMatch, type Targeting } from '@/features/flags/api/targeting';
import type { Names } from '@/features/flags/components/changeWords';
import { variationOf } from '@/features/flags/components/flagWords';

/** What everything is called that the targetings of a flag name; keys until that is known. */
export function useNames(at: FlagPlace, flag: Flag, targetings: readonly Targeting[]): Names {
  const segmentKeys = unique(targetings.flatMap(({ rules }) => rules).flatMap(({ clauses }) => clauses)
    .filter(({ op }) => op === segmentMatch).flatMap(({ values }) => values.map(String)));
  const flagKeys = unique(targetings.flatMap(({ prerequisites }) => prerequisites.map(({ key }) => key)));
  const segments = useQueries({ queries: segmentKeys.map((key) => namedSegmentQuery(at, key)) });
  const flags = useQueries({ queries: flagKeys.map((key) => flagQuery({ ...at, flag: key })) });
  const other = (key: string) => flags[flagKeys.indexOf(key)]?.data;
  return {
    variation: (index) => variationOf(flag, index),
    segment: (key) => segments[segmentKeys.indexOf(key)]?.data?.name ?? key,
    flag: (key) => other(key)?.name ?? key,
    variationOf: (key, index) => {
      const known = other(key);
      return known ? variationOf(known, index) : `variation ${index + 1}`;
    },
  };
}

function unique(keys: string[]): string[] {
  return [...new Set(keys)];
}
