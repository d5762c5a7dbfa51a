import { useQuery } from '@tanstack/react-query';
import { Link, useParams } from '@tanstack/react-router';

import { CopyText } from '@/components/CopyText';
import { EmptyState } from '@/components/EmptyState';
import { ErrorState } from '@/components/ErrorState';
import { PageHeader } from '@/components/PageHeader';
import { Panel } from '@/components/Panel';
import { roleQuery } from '@/features/access/api/roles';
import { useAccessLive } from '@/features/access/api/useAccessLive';
import { DeleteRole } from '@/features/access/components/DeleteRole';
import { RoleForm } from '@/features/access/components/RoleForm';
import { ApiError } from '@/lib/api/error';
import { counted } from '@/lib/number';

/** One custom role: its policy as JSON and in words, and whether it allows something. */
export function RolePage() {
  const key = useParams({ strict: false, select: (params: { role?: string }) => params.role }) ?? '';
  const { data: role, error, refetch } = useQuery(roleQuery(key));
  useAccessLive();
  const above = [<Link key="roles" to="/access/roles">Roles</Link>];
  if (error instanceof ApiError && error.status === 404) {
    return (
      <>
        <PageHeader title="Nothing here" above={above} />
        <Panel><EmptyState title={`There is no role “${key}”.`}>It was deleted, or you may not see it. Needs <code>viewRole</code> on it.</EmptyState></Panel>
      </>
    );
  }
  return (
    <>
      <PageHeader
        title={role?.name ?? key} above={above}
        facts={<><CopyText what="key" text={key} />{role?.assignedTo && <span>{counted(role.assignedTo.membersCount, 'member has it', 'members have it')}</span>}</>}
        actions={role && <DeleteRole role={role} />}
      />
      {error && !role && <Panel><ErrorState title="The role could not be loaded. It counts as before." error={error} onRetry={() => void refetch()} /></Panel>}
      {role && <RoleForm key={role._id} role={role} />}
    </>
  );
}
