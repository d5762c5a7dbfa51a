import { useParams } from '@tanstack/react-router';

/** The environment that a page is about. Its members are named as the parameters of routes are. */
export interface Place {
  project: string;
  environment: string;
}

/** The place of the page, from its address. Only for pages below an environment. */
export function usePlace(): Place {
  const { project, environment } = useParams({ strict: false });
  if (project === undefined || environment === undefined) throw new Error('this page is not below an environment');
  return { project, environment };
}

/** The place as the API names it in paths. */
export function atPlace(place: Place) {
  return { projectKey: place.project, environmentKey: place.environment };
}
