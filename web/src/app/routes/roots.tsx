import type { QueryClient } from '@tanstack/react-query';
import { createRootRouteWithContext, createRoute, lazyRouteComponent, notFound, Outlet, redirect } from '@tanstack/react-router';

import { BareFrame } from '@/app/pages/BareFrame';
import { FailedPage } from '@/app/pages/FailedPage';
import { NoEnvironment } from '@/app/pages/NoEnvironment';
import { NotFoundPage } from '@/app/pages/NotFoundPage';
import { firstPlace } from '@/app/place';
import { Shell } from '@/app/shell/Shell';
import { sessionQuery } from '@/features/session/api/session';
import { environmentQuery } from '@/lib/api/environment';
import { ApiError } from '@/lib/api/error';
import { toolsQuery } from '@/lib/api/tools';

/** The routes that all others hang on. Those of the pages stand in one file per feature, beside this. */
export interface RouterContext {
  queryClient: QueryClient;
}

export const rootRoute = createRootRouteWithContext<RouterContext>()({
  component: Outlet,
  notFoundComponent: () => <BareFrame><NotFoundPage /></BareFrame>,
  errorComponent: (failure) => <BareFrame><FailedPage {...failure} /></BareFrame>,
});

/** Everything that only who is signed in may see, inside the frame of navigation. */
export const shellRoute = createRoute({
  getParentRoute: () => rootRoute,
  id: 'shell',
  beforeLoad: async ({ context, location }) => {
    try {
      await context.queryClient.query({ ...sessionQuery, staleTime: 'static' });
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) {
        throw redirect({ to: '/sign-in', search: { next: location.publicHref } });
      }
      throw error;
    }
  },
  component: Shell,
  notFoundComponent: NotFoundPage,
  errorComponent: FailedPage,
});

export const homeRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: '/',
  beforeLoad: async ({ context }) => {
    throw redirect({ to: '/projects/$project/environments/$environment/segments', params: await firstPlace(context.queryClient) });
  },
});

/** The pages of one environment. */
export const environmentRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: '/projects/$project/environments/$environment',
  loader: async ({ context, params }) => {
    try {
      const tools = context.queryClient.query({ ...toolsQuery, staleTime: 'static' });
      const environment = await context.queryClient.query({ ...environmentQuery(params), staleTime: 'static' });
      await tools;
      return environment;
    } catch (error) {
      throw error instanceof ApiError && error.status === 404 ? notFound() : error;
    }
  },
  notFoundComponent: NoEnvironment,
  errorComponent: FailedPage,
});

/** `_site.href` of an environment; its segments are the page that people come for. */
export const environmentHomeRoute = createRoute({
  getParentRoute: () => environmentRoute,
  path: '/',
  beforeLoad: ({ params }) => {
    throw redirect({ to: '/projects/$project/environments/$environment/segments', params });
  },
});

export const signInRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/sign-in',
  validateSearch: (search: Record<string, unknown>): { next?: string } =>
    typeof search.next === 'string' && /^\/ui\/(?![/\\])/.test(search.next) ? { next: search.next } : {},
  component: lazyRouteComponent(() => import('@/features/session/pages/SignInPage'), 'SignInPage'),
});

export const firstRunRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/first-run',
  component: lazyRouteComponent(() => import('@/features/session/pages/FirstRunPage'), 'FirstRunPage'),
});

export const lostTokensRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/lost-tokens',
  component: lazyRouteComponent(() => import('@/features/session/pages/LostTokensPage'), 'LostTokensPage'),
});
