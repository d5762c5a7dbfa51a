import { Button, TextInput } from '@mantine/core';
import { useDebouncedCallback } from '@mantine/hooks';
import { IconPlus, IconSearch } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useState } from 'react';

import { ActionButton } from '@/components/ActionButton';
import { DataTable } from '@/components/DataTable';
import { EmptyState } from '@/components/EmptyState';
import { ErrorState } from '@/components/ErrorState';
import { Pager } from '@/components/Pager';
import { Panel } from '@/components/Panel';
import { rolePageSize, rolesQuery } from '@/features/access/api/roles';
import { rolesSearch, type RolesSearch } from '@/features/access/api/search';
import classes from '@/features/access/components/Access.module.css';
import { CreateRole } from '@/features/access/components/CreateRole';
import { roleColumns } from '@/features/access/components/roleColumns';
import { useRefused } from '@/lib/api/permission';

/** The custom roles. */
export function RolesTab() {
  const navigate = useNavigate();
  const search = rolesSearch(useSearch({ strict: false }));
  const { data, error, isPlaceholderData, refetch } = useQuery(rolesQuery(search));
  const refused = useRefused('createRole', 'role/*', 'custom roles');
  const [typed, setTyped] = useState(search.q ?? '');
  const show = (next: RolesSearch, replace = true) => void navigate({ to: '/access/roles', search: next, replace, resetScroll: next.page !== search.page });
  const find = useDebouncedCallback((q: string) => show(rolesSearch({ ...search, q: q.trim(), page: undefined })), 200);
  const create = () => show({ ...search, create: true }, false);
  const clear = () => {
    setTyped('');
    show({});
  };
  return (
    <>
      <div className={classes.tools}>
        <TextInput
          className={classes.search} type="search" aria-label="Search roles" placeholder="Name or key" leftSection={<IconSearch size={16} aria-hidden />} value={typed}
          onChange={(event) => {
            setTyped(event.currentTarget.value);
            find(event.currentTarget.value);
          }}
        />
        <ActionButton refused={refused} leftSection={<IconPlus size={16} aria-hidden />} onClick={create}>Create role</ActionButton>
      </div>
      {error && !data
        ? <Panel><ErrorState title="The roles could not be loaded. They count as before." error={error} onRetry={() => void refetch()} /></Panel>
        : (
            <DataTable
              label="Roles" columns={roleColumns} rows={data?.items} rowKey={(role) => role._id} stale={isPlaceholderData}
              empty={search.q === undefined
                ? <EmptyState title="No custom role yet">Reader, Writer and Admin are built in. A custom role says by a policy who may do what, such as a tool that may push members and nothing else.</EmptyState>
                : <EmptyState title="Nothing matches these filters." actions={<Button variant="default" onClick={clear}>Clear filters</Button>}>Other roles may.</EmptyState>}
              foot={data && <Pager page={search.page ?? 1} size={rolePageSize} total={data.totalCount} onPage={(page) => show({ ...search, page: page === 1 ? undefined : page }, false)} />}
            />
          )}
      <CreateRole opened={search.create === true} onClose={() => show({ ...search, create: undefined })} />
    </>
  );
}
