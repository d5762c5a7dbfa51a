import { Button } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';

import { EmptyState } from '@/components/EmptyState';
import { ErrorState } from '@/components/ErrorState';
import { Panel } from '@/components/Panel';
import { usesSearch } from '@/features/segments/api/search';
import { usesQuery } from '@/features/segments/api/segment';
import { useSegmentPlace } from '@/features/segments/api/useSegmentPlace';
import { NegatedUses } from '@/features/segments/components/NegatedUses';
import { UsingFlags } from '@/features/segments/components/UsingFlags';

/** What the segment is for: the flags that ask for it. */
export function FlagsTab() {
  const at = useSegmentPlace();
  const navigate = useNavigate();
  const { page = 1 } = usesSearch(useSearch({ strict: false }));
  const { data: uses, error, refetch } = useQuery(usesQuery(at));
  if (error && !uses) {
    return <Panel><ErrorState title="The flags that use this segment could not be loaded." error={error} onRetry={() => void refetch()} /></Panel>;
  }
  if (uses?.totalCount === 0) {
    return (
      <Panel>
        <EmptyState
          title="No flag uses this segment yet"
          actions={<Button renderRoot={(root) => <Link {...root} to="/projects/$project/environments/$environment/flags" params={at} search={{ create: true, use: at.segment }} />}>Use it in a flag</Button>}
        >
          A rule of a flag with “in segment” serves its members something of their own.
        </EmptyState>
      </Panel>
    );
  }
  return (
    <>
      <NegatedUses at={at} uses={uses?.items ?? []} />
      <UsingFlags
        at={at} page={page}
        onPage={(to) => void navigate({ to: '/projects/$project/environments/$environment/segments/$segment/flags', params: at, search: { page: to === 1 ? undefined : to } })}
      />
    </>
  );
}
