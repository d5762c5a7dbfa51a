import { useQuery } from '@tanstack/react-query';

import { defaultKind } from '@/features/flags/api/targeting';
import { contextKindsQuery } from '@/lib/api/contextKinds';
import type { Place } from '@/lib/place';

/** The kinds of contexts to choose from; the one that is chosen is among them, known or not. */
export function useContextKinds(place: Place, chosen: string | undefined): { value: string; label: string }[] {
  const { data = [] } = useQuery(contextKindsQuery(place.project));
  return [...new Set([defaultKind, ...data.map(({ key }) => key), ...(chosen === undefined ? [] : [chosen])])].map((key) => ({ value: key, label: key }));
}
