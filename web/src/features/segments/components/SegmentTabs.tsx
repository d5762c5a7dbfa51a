import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';

import { TabCount, TabLinks } from '@/components/TabLinks';
import { usesQuery, type SegmentPlace } from '@/features/segments/api/segment';
import { digits } from '@/lib/number';

const root = '/projects/$project/environments/$environment/segments/$segment';

/** The six pages of a segment. */
export function SegmentTabs({ at, name }: { at: SegmentPlace; name: string }) {
  const { data: uses } = useQuery(usesQuery(at));
  return (
    <TabLinks label={name}>
      <Link to={root} params={at} activeOptions={{ exact: true, includeSearch: false }}>Overview</Link>
      <Link to={`${root}/members`} params={at}>Members</Link>
      <Link to={`${root}/syncs`} params={at}>Syncs</Link>
      <Link to={`${root}/flags`} params={at}>Flags{uses && uses.totalCount > 0 && <TabCount>{digits(uses.totalCount)}</TabCount>}</Link>
      <Link to={`${root}/history`} params={at}>History</Link>
      <Link to={`${root}/settings`} params={at}>Settings</Link>
    </TabLinks>
  );
}
