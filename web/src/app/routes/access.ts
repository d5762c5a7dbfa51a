import { createRoute, lazyRouteComponent, redirect } from '@tanstack/react-router';

import { shellRoute } from '@/app/routes/roots';
import { membersSearch, roleSearch, rolesSearch, tokensSearch } from '@/features/access/api/search';

const accessRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: '/access',
  component: lazyRouteComponent(() => import('@/features/access/pages/AccessPage'), 'AccessPage'),
});

const tabs = [
  createRoute({
    getParentRoute: () => accessRoute,
    path: '/',
    beforeLoad: () => {
      throw redirect({ to: '/access/members', replace: true });
    },
  }),
  createRoute({
    getParentRoute: () => accessRoute,
    path: '/members',
    validateSearch: membersSearch,
    component: lazyRouteComponent(() => import('@/features/access/pages/MembersTab'), 'MembersTab'),
  }),
  createRoute({
    getParentRoute: () => accessRoute,
    path: '/tokens',
    validateSearch: tokensSearch,
    component: lazyRouteComponent(() => import('@/features/access/pages/TokensTab'), 'TokensTab'),
  }),
  createRoute({
    getParentRoute: () => accessRoute,
    path: '/roles',
    validateSearch: rolesSearch,
    component: lazyRouteComponent(() => import('@/features/access/pages/RolesTab'), 'RolesTab'),
  }),
] as const;

export const accessRoutes = [
  accessRoute.addChildren([...tabs]),
  createRoute({
    getParentRoute: () => shellRoute,
    path: '/access/roles/$role',
    validateSearch: roleSearch,
    component: lazyRouteComponent(() => import('@/features/access/pages/RolePage'), 'RolePage'),
  }),
] as const;
