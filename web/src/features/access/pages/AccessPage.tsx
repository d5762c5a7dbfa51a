import { Link, Outlet } from '@tanstack/react-router';

import { PageHeader } from '@/components/PageHeader';
import { TabLinks } from '@/components/TabLinks';
import { useAccessLive } from '@/features/access/api/useAccessLive';

/** The frame of who may do what: people, tokens, custom roles. */
export function AccessPage() {
  useAccessLive();
  return (
    <>
      <PageHeader title="Access" facts="Who may do what, in every project." />
      <TabLinks label="Access">
        <Link to="/access/members">Members</Link>
        <Link to="/access/tokens">Tokens</Link>
        <Link to="/access/roles">Roles</Link>
      </TabLinks>
      <Outlet />
    </>
  );
}
