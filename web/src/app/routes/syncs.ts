import { createRoute, lazyRouteComponent } from '@tanstack/react-router';

import { environmentRoute } from '@/app/routes/roots';
import { syncsSearch } from '@/features/syncs/api/runs';

export const syncsRoutes = [
  createRoute({
    getParentRoute: () => environmentRoute,
    path: '/syncs',
    validateSearch: syncsSearch,
    component: lazyRouteComponent(() => import('@/features/syncs/pages/SyncsPage'), 'SyncsPage'),
  }),
] as const;
