import { useParams } from '@tanstack/react-router';
import { useMemo } from 'react';

import type { FlagPlace } from '@/features/flags/api/flag';
import { usePlace } from '@/lib/place';

/** The flag of the page, from its address. */
export function useFlagPlace(): FlagPlace {
  const { project, environment } = usePlace();
  const { flag }: { flag?: string } = useParams({ strict: false });
  if (flag === undefined) throw new Error('this page is not about a flag');
  return useMemo(() => ({ project, environment, flag }), [project, environment, flag]);
}
