import type { Flag } from '@/features/flags/api/flags';
import { variationOf } from '@/features/flags/components/flagWords';

/** A variation by its name or, where it has none, by its value, which is code. */
export function VariationWord({ flag, index }: { flag: Pick<Flag, 'variations'>; index: number }) {
  const word = variationOf(flag, index);
  return flag.variations[index]?.name ? word : <code>{word}</code>;
}
