import { createRoute, lazyRouteComponent } from '@tanstack/react-router';

import { environmentRoute } from '@/app/routes/roots';
import { newSegmentSearch, segmentsSearch } from '@/features/segments/api/search';

const SegmentsPage = lazyRouteComponent(() => import('@/features/segments/pages/SegmentsPage'), 'SegmentsPage');

export const segmentsRoutes = [
  createRoute({ getParentRoute: () => environmentRoute, path: '/segments', validateSearch: segmentsSearch, component: SegmentsPage }),
  createRoute({
    getParentRoute: () => environmentRoute, path: '/segments/new', validateSearch: newSegmentSearch, component: SegmentsPage,
  }),
] as const;
