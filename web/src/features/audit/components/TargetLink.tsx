import { Link } from '@tanstack/react-router';

import type { AuditEntry } from '@/features/audit/api/audit';
import { levelsOf } from '@/features/audit/components/auditWords';

const environments = '/projects/$project/environments/$environment';

/** The thing that was changed, as a link where it has a page. */
export function TargetLink({ entry }: { entry: AuditEntry }) {
  const levels = levelsOf(entry.target?.resources[0] ?? '');
  const { proj: project, env: environment, segment, flag } = levels;
  const token = levels.token ?? levels['service-token'];
  if (project !== undefined && environment !== undefined) {
    const place = { project, environment };
    if (segment !== undefined) return <Link to={`${environments}/segments/$segment`} params={{ ...place, segment }}>{entry.name}</Link>;
    if (flag !== undefined) return <Link to={`${environments}/flags/$flag`} params={{ ...place, flag }}>{entry.name}</Link>;
    return <Link to={`${environments}/segments`} params={place}>{entry.name}</Link>;
  }
  if (levels.role !== undefined) return <Link to="/access/roles/$role" params={{ role: levels.role }}>{entry.name}</Link>;
  if (token !== undefined) return <Link to="/access/tokens" search={{ token }}>{entry.name}</Link>;
  if (levels.member !== undefined) return <Link to="/access/members" search={{ member: levels.member }}>{entry.name}</Link>;
  return <>{entry.name}</>;
}
