import { createRoute, lazyRouteComponent } from '@tanstack/react-router';

import { environmentRoute } from '@/app/routes/roots';
import { connectSearch, sourceSearch, uploadSearch } from '@/features/sources/api/search';

export const sourcesRoutes = [
  createRoute({
    getParentRoute: () => environmentRoute,
    path: '/sources',
    component: lazyRouteComponent(() => import('@/features/sources/pages/SourcesPage'), 'SourcesPage'),
  }),
  createRoute({
    getParentRoute: () => environmentRoute,
    path: '/sources/new/$tool',
    validateSearch: connectSearch,
    component: lazyRouteComponent(() => import('@/features/sources/pages/ConnectPage'), 'ConnectPage'),
  }),
  createRoute({
    getParentRoute: () => environmentRoute,
    path: '/sources/$source',
    validateSearch: sourceSearch,
    component: lazyRouteComponent(() => import('@/features/sources/pages/SourcePage'), 'SourcePage'),
  }),
  createRoute({
    getParentRoute: () => environmentRoute,
    path: '/segments/upload',
    validateSearch: uploadSearch,
    component: lazyRouteComponent(() => import('@/features/sources/pages/UploadPage'), 'UploadPage'),
  }),
] as const;
