import { createRoute, lazyRouteComponent } from '@tanstack/react-router';

import { environmentRoute } from '@/app/routes/roots';
import { evaluationsSearch } from '@/features/flags/api/evaluations';
import { flagsSearch } from '@/features/flags/api/flags';
import { flagHistorySearch } from '@/features/flags/api/history';

const flagRoute = createRoute({
  getParentRoute: () => environmentRoute,
  path: '/flags/$flag',
  component: lazyRouteComponent(() => import('@/features/flags/pages/FlagPage'), 'FlagPage'),
});

const tabs = [
  createRoute({
    getParentRoute: () => flagRoute,
    path: '/',
    component: lazyRouteComponent(() => import('@/features/flags/pages/FlagTargetingPage'), 'FlagTargetingPage'),
  }),
  createRoute({
    getParentRoute: () => flagRoute,
    path: '/variations',
    component: lazyRouteComponent(() => import('@/features/flags/pages/FlagVariationsPage'), 'FlagVariationsPage'),
  }),
  createRoute({
    getParentRoute: () => flagRoute,
    path: '/evaluations',
    validateSearch: evaluationsSearch,
    component: lazyRouteComponent(() => import('@/features/flags/pages/FlagEvaluationsPage'), 'FlagEvaluationsPage'),
  }),
  createRoute({
    getParentRoute: () => flagRoute,
    path: '/history',
    validateSearch: flagHistorySearch,
    component: lazyRouteComponent(() => import('@/features/flags/pages/FlagHistoryPage'), 'FlagHistoryPage'),
  }),
  createRoute({
    getParentRoute: () => flagRoute,
    path: '/settings',
    component: lazyRouteComponent(() => import('@/features/flags/pages/FlagSettingsPage'), 'FlagSettingsPage'),
  }),
] as const;

export const flagsRoutes = [
  createRoute({
    getParentRoute: () => environmentRoute,
    path: '/flags',
    validateSearch: flagsSearch,
    component: lazyRouteComponent(() => import('@/features/flags/pages/FlagsPage'), 'FlagsPage'),
  }),
  flagRoute.addChildren([...tabs]),
] as const;
