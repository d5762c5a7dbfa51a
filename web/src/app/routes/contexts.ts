import { createRoute, lazyRouteComponent } from '@tanstack/react-router';

import { environmentRoute } from '@/app/routes/roots';
import { contextSearch } from '@/features/contexts/api/contexts';

export const contextsRoutes = [
  createRoute({
    getParentRoute: () => environmentRoute,
    path: '/contexts',
    validateSearch: contextSearch,
    component: lazyRouteComponent(() => import('@/features/contexts/pages/ContextsPage'), 'ContextsPage'),
  }),
] as const;
