import { IconPlus } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';

import { ActionButton } from '@/components/ActionButton';
import { DataTable } from '@/components/DataTable';
import { EmptyState } from '@/components/EmptyState';
import { ErrorState } from '@/components/ErrorState';
import { Pager } from '@/components/Pager';
import { Panel } from '@/components/Panel';
import { useRoleNames } from '@/features/access/api/roles';
import { tokensSearch, type TokensSearch } from '@/features/access/api/search';
import { tokenPageSize, tokensQuery } from '@/features/access/api/tokens';
import classes from '@/features/access/components/Access.module.css';
import { CreateToken } from '@/features/access/components/CreateToken';
import { tokenColumns } from '@/features/access/components/tokenColumns';
import { TokenDrawer } from '@/features/access/components/TokenDrawer';
import { counted } from '@/lib/number';

/** The access tokens that a person may see. */
export function TokensTab() {
  const navigate = useNavigate();
  const search = tokensSearch(useSearch({ strict: false }));
  const { data, error, isPlaceholderData, refetch } = useQuery(tokensQuery(search));
  const roleName = useRoleNames();
  const show = (next: TokensSearch, replace = true) => void navigate({ to: '/access/tokens', search: next, replace, resetScroll: next.page !== search.page });
  return (
    <>
      <div className={classes.tools}>
        <p className={classes.about} role="status">{data && `${counted(data.totalCount, 'token')} that you may see.`}</p>
        <ActionButton leftSection={<IconPlus size={16} aria-hidden />} onClick={() => show({ ...search, create: true }, false)}>Create token</ActionButton>
      </div>
      {error && !data
        ? <Panel><ErrorState title="The tokens could not be loaded. They work as before." error={error} onRetry={() => void refetch()} /></Panel>
        : (
            <DataTable
              label="Tokens" columns={tokenColumns(search, roleName)} rows={data?.items} rowKey={(token) => token._id} stale={isPlaceholderData}
              empty={<EmptyState title="No token yet">A tool or a script sends one with each request, and may do what its role says.</EmptyState>}
              foot={data && <Pager page={search.page ?? 1} size={tokenPageSize} total={data.totalCount} onPage={(page) => show({ ...search, page: page === 1 ? undefined : page }, false)} />}
            />
          )}
      <CreateToken opened={search.create === true} onClose={() => show({ ...search, create: undefined })} />
      <TokenDrawer id={search.token} onClose={() => show({ ...search, token: undefined })} />
    </>
  );
}
