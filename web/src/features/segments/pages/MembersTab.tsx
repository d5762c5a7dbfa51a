import { Button, TextInput } from '@mantine/core';
import { useDebouncedCallback } from '@mantine/hooks';
import { IconSearch } from '@tabler/icons-react';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { useState } from 'react';

import { DataTable } from '@/components/DataTable';
import { EmptyState } from '@/components/EmptyState';
import { ErrorState } from '@/components/ErrorState';
import { ForbiddenState } from '@/components/ForbiddenState';
import { Panel } from '@/components/Panel';
import { toolOf } from '@/features/segments/api/facts';
import { membersQuery, membersSearch, type MembersSearch } from '@/features/segments/api/members';
import { useRefusal } from '@/features/segments/api/permission';
import { segmentQuery, type SegmentPlace } from '@/features/segments/api/segment';
import { useSegmentPlace } from '@/features/segments/api/useSegmentPlace';
import { AddMembers } from '@/features/segments/components/AddMembers';
import { AskWhyNot } from '@/features/segments/components/AskWhyNot';
import { ExportMembers } from '@/features/segments/components/ExportMembers';
import { memberColumns } from '@/features/segments/components/memberColumns';
import { MembersNote } from '@/features/segments/components/MembersNote';
import classes from '@/features/segments/components/Members.module.css';
import { WhyDrawer } from '@/features/segments/components/WhyDrawer';
import { isForbidden } from '@/lib/api/error';
import { counted, digits } from '@/lib/number';
import { exactTime } from '@/lib/time';

const page = '/projects/$project/environments/$environment/segments/$segment/members';

/** Who is in: a search by the beginning of the key, and the answer to why. */
export function MembersTab() {
  const at = useSegmentPlace();
  const navigate = useNavigate();
  const search = membersSearch(useSearch({ strict: false }));
  const { data: segment } = useQuery(segmentQuery(at));
  const members = useInfiniteQuery({ ...membersQuery(at, search.prefix), placeholderData: (before) => before });
  const refused = useRefusal(at, 'updateIncluded');
  const [typed, setTyped] = useState(search.prefix ?? '');
  const show = (next: MembersSearch) => void navigate({ to: page, params: at, search: next, replace: true });
  const find = useDebouncedCallback((prefix: string) => show({ ...search, prefix: prefix === '' ? undefined : prefix }), 200);
  const why = (context: string) => void navigate({ to: page, params: at, search: { ...search, context } });
  const tool = toolOf(segment);
  const rows = members.data?.pages.flatMap((one) => one.items);
  const last = members.data?.pages.at(-1);
  if (isForbidden(members.error)) {
    return <Panel><ForbiddenState title="You can see this segment but not its members." lacks={members.error.lacks} message={members.error.message} /></Panel>;
  }
  return (
    <>
      {segment && <MembersNote segment={segment} />}
      <div className={classes.tools}>
        <TextInput
          className={classes.search} type="search" aria-label="Search members" placeholder="Key starts with…" leftSection={<IconSearch size={16} aria-hidden />}
          value={typed} spellCheck={false} autoComplete="off"
          onChange={(event) => {
            setTyped(event.currentTarget.value);
            find(event.currentTarget.value);
          }}
        />
        {segment?.unbounded && !tool && <AddMembers at={at} refused={refused} />}
        {segment?.unbounded && <ExportMembers at={at} members={last?.totalCount} />}
      </div>
      {members.error && !rows
        ? <Panel><ErrorState title="The members could not be loaded. Flags keep seeing them." error={members.error} onRetry={() => void members.refetch()} /></Panel>
        : (
            <DataTable
              label="Members" columns={memberColumns({ at, why, tool, refused })} rows={rows} rowKey={(member) => member.key ?? member.hash ?? ''} stale={members.isPlaceholderData}
              empty={members.hasNextPage ? undefined : <NobodyFound at={segment?.unbounded && !tool ? at : undefined} prefix={search.prefix} onWhyNot={why} onClear={() => {
                setTyped('');
                show({ ...search, prefix: undefined });
              }} />}
              foot={last && (
                <div className={classes.foot}>
                  <span>{footOf(rows?.length ?? 0, search.prefix, last, members.hasNextPage)}</span>
                  {members.hasNextPage && (
                    <Button variant="default" size="compact-md" loading={members.isFetchingNextPage} onClick={() => void members.fetchNextPage()}>Show more</Button>
                  )}
                </div>
              )}
            />
          )}
      <AskWhyNot onAsk={why} />
      <WhyDrawer at={at} contextKey={search.context} onClose={() => show({ ...search, context: undefined })} onShow={why} />
    </>
  );
}

function footOf(shown: number, prefix: string | undefined, last: { totalCount: number; asOf: { time: number; revision: number } }, more: boolean): string {
  const those = prefix === undefined ? `${digits(shown)} shown` : `${more ? 'The first ' : ''}${counted(shown, 'key')} that ${shown === 1 ? 'starts' : 'start'} with “${prefix}”`;
  return `${those} · ${counted(last.totalCount, 'member')} at ${exactTime(last.asOf.time)}, revision ${digits(last.asOf.revision)}`;
}

function NobodyFound({ at, prefix, onWhyNot, onClear }: { at: SegmentPlace | undefined; prefix: string | undefined; onWhyNot: (key: string) => void; onClear: () => void }) {
  if (prefix === undefined) {
    return (
      <EmptyState
        title="Nobody is in this segment"
        actions={at && <Button variant="default" renderRoot={(root) => <Link {...root} to="/projects/$project/environments/$environment/segments/upload" params={at} search={{ segment: at.segment }} />}>Upload a list</Button>}
      >
        A rule with “is in” matches nobody now, one with “is not in” everybody.
      </EmptyState>
    );
  }
  return (
    <EmptyState
      title={`No key starts with “${prefix}”.`}
      actions={(
        <>
          <Button variant="default" onClick={() => onWhyNot(prefix)}>Why not in?</Button>
          <Button variant="subtle" onClick={onClear}>Clear filters</Button>
        </>
      )}
    >
      Keys are compared byte for byte, capitals and blanks included.
    </EmptyState>
  );
}
