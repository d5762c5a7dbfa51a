import { Link } from '@tanstack/react-router';

import type { Column } from '@/components/DataTable';
import { Freshness } from '@/components/Freshness';
import { RowName } from '@/components/RowName';
import { grantWords } from '@/features/access/api/grant';
import type { TokensSearch } from '@/features/access/api/search';
import type { Token } from '@/features/access/api/tokens';
import classes from '@/features/access/components/Access.module.css';
import { expiryWords, ownerWords } from '@/features/access/components/tokenWords';
import { exactTime } from '@/lib/time';

/** The columns of the list of tokens; roleName says what people call a custom role. */
export function tokenColumns(search: TokensSearch, roleName: (id: string) => string): Column<Token>[] {
  return [
    {
      key: 'name', label: 'Name',
      cell: (token) => (
        <RowName under={`api-…${token.token}`}>
          <Link to="/access/tokens" search={{ ...search, token: token._id }} resetScroll={false}>{token.name ?? `Token …${token.token}`}</Link>
        </RowName>
      ),
    },
    {
      key: 'may', label: 'Role', card: 'state',
      cell: (token) => <span className={classes.wrap}>{grantWords({ role: token.role, customRoles: token.customRoleIds, policy: token.inlineRole }, roleName)}</span>,
    },
    { key: 'owner', label: 'Owner', priority: 2, cell: (token) => <span className={classes.wrap}>{ownerWords(token)}</span> },
    { key: 'used', label: 'Last used', numeric: true, card: 'fresh', cell: (token) => <Freshness at={token.lastUsed} /> },
    { key: 'expires', label: 'Expires', numeric: true, priority: 3, cell: (token) => <span title={token.expiry === undefined ? undefined : exactTime(token.expiry)}>{expiryWords(token.expiry)}</span> },
  ];
}
