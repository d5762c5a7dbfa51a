import { createRouter } from '@tanstack/react-router';

import { accessRoutes } from '@/app/routes/access';
import { auditRoutes } from '@/app/routes/audit';
import { contextsRoutes } from '@/app/routes/contexts';
import { destinationsRoutes } from '@/app/routes/destinations';
import { flagsRoutes } from '@/app/routes/flags';
import { environmentHomeRoute, environmentRoute, firstRunRoute, homeRoute, lostTokensRoute, rootRoute, shellRoute, signInRoute } from '@/app/routes/roots';
import { segmentRoutes } from '@/app/routes/segment';
import { segmentsRoutes } from '@/app/routes/segments';
import { accountSettingsRoutes, environmentSettingsRoutes } from '@/app/routes/settings';
import { sourcesRoutes } from '@/app/routes/sources';
import { syncsRoutes } from '@/app/routes/syncs';
import { queryClient } from '@/lib/api/cache';

const routeTree = rootRoute.addChildren([
  signInRoute,
  firstRunRoute,
  lostTokensRoute,
  shellRoute.addChildren([
    homeRoute,
    environmentRoute.addChildren([
      environmentHomeRoute,
      ...segmentsRoutes, ...segmentRoutes, ...flagsRoutes, ...syncsRoutes, ...sourcesRoutes,
      ...destinationsRoutes, ...contextsRoutes, ...environmentSettingsRoutes,
    ]),
    ...accessRoutes, ...auditRoutes, ...accountSettingsRoutes,
  ]),
]);

export const router = createRouter({
  routeTree,
  basepath: '/ui',
  context: { queryClient },
  defaultPreload: 'intent',
  defaultPreloadStaleTime: 0,
  scrollRestoration: true,
});

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router;
  }
}
