import { createRoute, lazyRouteComponent } from '@tanstack/react-router';

import { shellRoute } from '@/app/routes/roots';
import { auditSearch } from '@/features/audit/api/audit';

const auditPage = lazyRouteComponent(() => import('@/features/audit/pages/AuditPage'), 'AuditPage');

export const auditRoutes = [
  createRoute({ getParentRoute: () => shellRoute, path: '/audit', validateSearch: auditSearch, component: auditPage }),
  // `_site` of an entry: the same page with the entry open.
  createRoute({ getParentRoute: () => shellRoute, path: '/audit/$entry', validateSearch: auditSearch, component: auditPage }),
] as const;
