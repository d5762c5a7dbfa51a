import { createRoute, lazyRouteComponent, redirect } from '@tanstack/react-router';

import { environmentRoute, shellRoute } from '@/app/routes/roots';
import { keysSearch, limitsSearch, webhooksSearch } from '@/features/settings/api/search';

const frame = lazyRouteComponent(() => import('@/app/pages/SettingsFrame'), 'SettingsFrame');

const ofEnvironment = createRoute({ getParentRoute: () => environmentRoute, path: '/settings', component: frame });

const ofAccount = createRoute({ getParentRoute: () => shellRoute, path: '/settings', component: frame });

const environmentTabs = [
  createRoute({
    getParentRoute: () => ofEnvironment,
    path: '/',
    beforeLoad: ({ params }) => {
      throw redirect({ to: '/projects/$project/environments/$environment/settings/keys', params });
    },
  }),
  createRoute({
    getParentRoute: () => ofEnvironment,
    path: '/keys',
    validateSearch: keysSearch,
    component: lazyRouteComponent(() => import('@/features/settings/pages/KeysTab'), 'KeysTab'),
  }),
  createRoute({
    getParentRoute: () => ofEnvironment,
    path: '/webhooks',
    validateSearch: webhooksSearch,
    component: lazyRouteComponent(() => import('@/features/settings/pages/WebhooksTab'), 'WebhooksTab'),
  }),
  createRoute({
    getParentRoute: () => ofEnvironment,
    path: '/guard',
    component: lazyRouteComponent(() => import('@/features/settings/pages/GuardTab'), 'GuardTab'),
  }),
] as const;

const accountTabs = [
  createRoute({
    getParentRoute: () => ofAccount,
    path: '/',
    beforeLoad: () => {
      throw redirect({ to: '/settings/account' });
    },
  }),
  createRoute({
    getParentRoute: () => ofAccount,
    path: '/account',
    component: lazyRouteComponent(() => import('@/features/settings/pages/AccountTab'), 'AccountTab'),
  }),
  createRoute({
    getParentRoute: () => ofAccount,
    path: '/limits',
    validateSearch: limitsSearch,
    component: lazyRouteComponent(() => import('@/features/settings/pages/LimitsTab'), 'LimitsTab'),
  }),
  createRoute({
    getParentRoute: () => ofAccount,
    path: '/about',
    component: lazyRouteComponent(() => import('@/features/settings/pages/AboutTab'), 'AboutTab'),
  }),
] as const;

export const environmentSettingsRoutes = [ofEnvironment.addChildren([...environmentTabs])] as const;
export const accountSettingsRoutes = [ofAccount.addChildren([...accountTabs])] as const;
