import { Link } from '@tanstack/react-router';

import { Count } from '@/components/Count';
import type { Column } from '@/components/DataTable';
import { RowName } from '@/components/RowName';
import type { Role } from '@/features/access/api/roles';
import classes from '@/features/access/components/Access.module.css';

/** The columns of the list of custom roles. */
export const roleColumns: Column<Role>[] = [
  { key: 'name', label: 'Name', cell: (role) => <RowName under={role.key}><Link to="/access/roles/$role" params={{ role: role.key }}>{role.name}</Link></RowName> },
  { key: 'description', label: 'Description', priority: 2, cell: (role) => <span className={classes.wrap}>{role.description}</span> },
  { key: 'base', label: 'Where nothing matches', priority: 3, cell: (role) => (role.basePermissions === 'reader' ? 'View everything' : 'Nothing') },
  { key: 'statements', label: 'Statements', numeric: true, card: 'figure', cell: (role) => <Count value={role.policy.length} /> },
  { key: 'members', label: 'Members', numeric: true, priority: 2, cell: (role) => <Count value={role.assignedTo?.membersCount ?? null} /> },
];
