import { createRoute, lazyRouteComponent } from '@tanstack/react-router';

import { environmentRoute } from '@/app/routes/roots';
import { destinationSearch, destinationsSearch } from '@/features/destinations/api/search';

export const destinationsRoutes = [
  createRoute({
    getParentRoute: () => environmentRoute,
    path: '/destinations',
    validateSearch: destinationsSearch,
    component: lazyRouteComponent(() => import('@/features/destinations/pages/DestinationsPage'), 'DestinationsPage'),
  }),
  createRoute({
    getParentRoute: () => environmentRoute,
    path: '/destinations/$destination',
    validateSearch: destinationSearch,
    component: lazyRouteComponent(() => import('@/features/destinations/pages/DestinationPage'), 'DestinationPage'),
  }),
] as const;
