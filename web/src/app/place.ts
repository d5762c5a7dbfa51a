import { useQuery, useQueryClient, type QueryClient } from '@tanstack/react-query';
import { useParams } from '@tanstack/react-router';
import { useMemo } from 'react';

import { projectQuery, projectsKey, projectsQuery } from '@/lib/api/environment';
import type { Place } from '@/lib/place';

const remembered = 'muster-place';

/** Keeps the environment last looked at, which pages of the account lead back to. */
export function rememberPlace(place: Place) {
  try {
    localStorage.setItem(remembered, JSON.stringify(place));
  } catch {
    // A browser that keeps nothing begins with the first environment.
  }
}

export function rememberedPlace(): Place | undefined {
  try {
    const place: unknown = JSON.parse(localStorage.getItem(remembered) ?? 'null');
    if (typeof place !== 'object' || place === null) return undefined;
    const { project, environment } = place as Partial<Record<string, unknown>>;
    return typeof project === 'string' && typeof environment === 'string' ? { project, environment } : undefined;
  } catch {
    return undefined;
  }
}

/** Where to begin: the environment last looked at if it still is there, else the first one. */
export async function firstPlace(client: QueryClient): Promise<Place> {
  const last = rememberedPlace();
  if (last) {
    const project = await client.query({ ...projectQuery(last.project), staleTime: 'static' });
    if (project?.environments.some((environment) => environment.key === last.environment)) return last;
  }
  const { items } = await client.query({ ...projectsQuery(), staleTime: 'static' });
  const places = items.flatMap((one) => one.environments.map((environment) => ({ project: one.key, environment: environment.key })));
  return places[0] ?? { project: 'default', environment: 'production' };
}

/** The place of the address, else the one last looked at, else the first; undefined while that is looked up. */
export function useCurrentPlace(): Place | undefined {
  const { project, environment } = useParams({ strict: false });
  const client = useQueryClient();
  const { data } = useQuery({ queryKey: [...projectsKey, 'first-place'], queryFn: () => firstPlace(client), enabled: project === undefined });
  return useMemo(
    () => (project !== undefined && environment !== undefined ? { project, environment } : data),
    [project, environment, data],
  );
}
