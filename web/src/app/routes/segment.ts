import { createRoute, lazyRouteComponent } from '@tanstack/react-router';

import { environmentRoute } from '@/app/routes/roots';
import { membersSearch } from '@/features/segments/api/members';
import { historySearch } from '@/features/segments/api/points';
import { runsSearch } from '@/features/segments/api/runs';
import { overviewSearch, usesSearch } from '@/features/segments/api/search';

const segmentRoute = createRoute({
  getParentRoute: () => environmentRoute,
  path: '/segments/$segment',
  component: lazyRouteComponent(() => import('@/features/segments/pages/SegmentPage'), 'SegmentPage'),
});

// A list of its own: what is made inside the call of addChildren has the types that any route may have.
const tabs = [
  createRoute({
    getParentRoute: () => segmentRoute,
    path: '/',
    validateSearch: overviewSearch,
    component: lazyRouteComponent(() => import('@/features/segments/pages/OverviewTab'), 'OverviewTab'),
  }),
  createRoute({
    getParentRoute: () => segmentRoute,
    path: '/members',
    validateSearch: membersSearch,
    component: lazyRouteComponent(() => import('@/features/segments/pages/MembersTab'), 'MembersTab'),
  }),
  createRoute({
    getParentRoute: () => segmentRoute,
    path: '/syncs',
    validateSearch: runsSearch,
    component: lazyRouteComponent(() => import('@/features/segments/pages/SyncsTab'), 'SyncsTab'),
  }),
  createRoute({
    getParentRoute: () => segmentRoute,
    path: '/flags',
    validateSearch: usesSearch,
    component: lazyRouteComponent(() => import('@/features/segments/pages/FlagsTab'), 'FlagsTab'),
  }),
  createRoute({
    getParentRoute: () => segmentRoute,
    path: '/history',
    validateSearch: historySearch,
    component: lazyRouteComponent(() => import('@/features/segments/pages/HistoryTab'), 'HistoryTab'),
  }),
  createRoute({
    getParentRoute: () => segmentRoute,
    path: '/settings',
    component: lazyRouteComponent(() => import('@/features/segments/pages/SettingsTab'), 'SettingsTab'),
  }),
] as const;

export const segmentRoutes = [
  segmentRoute.addChildren([...tabs]),
  createRoute({
    getParentRoute: () => environmentRoute,
    path: '/segments/$segment/syncs/$run',
    component: lazyRouteComponent(() => import('@/features/segments/pages/RunPage'), 'RunPage'),
  }),
] as const;
