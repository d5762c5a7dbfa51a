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
import { memberPageSize, membersQuery } from '@/features/access/api/members';
import { useRoleNames } from '@/features/access/api/roles';
import { membersSearch, type MembersSearch } from '@/features/access/api/search';
import classes from '@/features/access/components/Access.module.css';
import { AddMember } from '@/features/access/components/AddMember';
import { memberColumns } from '@/features/access/components/memberColumns';
import { MemberDrawer } from '@/features/access/components/MemberDrawer';
import { useRefused } from '@/lib/api/permission';

/** The people of the account. */
export function MembersTab() {
  const navigate = useNavigate();
  const search = membersSearch(useSearch({ strict: false }));
  const { data, error, isPlaceholderData, refetch } = useQuery(membersQuery(search));
  const roleName = useRoleNames();
  const refused = useRefused('createMember', 'member/*', 'account members');
  const [typed, setTyped] = useState(search.q ?? '');
  const show = (next: MembersSearch, replace = true) => void navigate({ to: '/access/members', search: next, replace, resetScroll: next.page !== search.page });
  const find = useDebouncedCallback((q: string) => show(membersSearch({ ...search, q: q.trim(), page: undefined })), 200);
  return (
    <>
      <div className={classes.tools}>
        <TextInput
          className={classes.search} type="search" aria-label="Search members" placeholder="Name or email" leftSection={<IconSearch size={16} aria-hidden />} value={typed}
          onChange={(event) => {
            setTyped(event.currentTarget.value);
            find(event.currentTarget.value);
          }}
        />
        <ActionButton refused={refused} leftSection={<IconPlus size={16} aria-hidden />} onClick={() => show({ ...search, create: true }, false)}>Add member</ActionButton>
      </div>
      {error && !data
        ? <Panel><ErrorState title="The members could not be loaded. They can sign in as before." error={error} onRetry={() => void refetch()} /></Panel>
        : (
            <DataTable
              label="Members" columns={memberColumns(search, roleName)} rows={data?.items} rowKey={(member) => member._id} stale={isPlaceholderData}
              empty={(
                <EmptyState
                  title="Nothing matches these filters."
                  actions={(
                    <Button
                      variant="default"
                      onClick={() => {
                        setTyped('');
                        show({});
                      }}
                    >
                      Clear filters
                    </Button>
                  )}
                >
                  Other members may.
                </EmptyState>
              )}
              foot={data && <Pager page={search.page ?? 1} size={memberPageSize} total={data.totalCount} onPage={(page) => show({ ...search, page: page === 1 ? undefined : page }, false)} />}
            />
          )}
      <AddMember opened={search.create === true} onClose={() => show({ ...search, create: undefined })} />
      <MemberDrawer id={search.member} onClose={() => show({ ...search, member: undefined })} />
    </>
  );
}
