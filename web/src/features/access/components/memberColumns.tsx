import { Link } from '@tanstack/react-router';

import type { Column } from '@/components/DataTable';
import { Freshness } from '@/components/Freshness';
import { RowName } from '@/components/RowName';
import { grantWords } from '@/features/access/api/grant';
import { nameOf, type Member } from '@/features/access/api/members';
import type { MembersSearch } from '@/features/access/api/search';
import classes from '@/features/access/components/Access.module.css';

/** The columns of the list of account members; roleName says what people call a custom role. */
export function memberColumns(search: MembersSearch, roleName: (id: string) => string): Column<Member>[] {
  return [
    {
      key: 'name', label: 'Name',
      cell: (member) => (
        <RowName under={member.email}>
          <Link to="/access/members" search={{ ...search, member: member._id }} resetScroll={false}>{nameOf(member)}</Link>
        </RowName>
      ),
    },
    { key: 'role', label: 'Role', card: 'state', cell: (member) => <span className={classes.wrap}>{grantWords({ role: member.role, customRoles: member.customRoles }, roleName)}</span> },
    { key: 'seen', label: 'Last seen', numeric: true, card: 'fresh', cell: (member) => <Freshness at={member._lastSeen} /> },
    { key: 'added', label: 'Added', numeric: true, priority: 3, cell: (member) => <Freshness at={member.creationDate} /> },
  ];
}
