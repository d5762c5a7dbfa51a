import { Link } from '@tanstack/react-router';

import { TabLinks } from '@/components/TabLinks';
import type { FlagPlace } from '@/features/flags/api/flag';

const root = '/projects/$project/environments/$environment/flags/$flag';

/** The five pages of a flag. */
export function FlagTabs({ at, name }: { at: FlagPlace; name: string }) {
  return (
    <TabLinks label={name}>
      <Link to={root} params={at} activeOptions={{ exact: true, includeSearch: false }}>Targeting</Link>
      <Link to={`${root}/variations`} params={at}>Variations</Link>
      <Link to={`${root}/evaluations`} params={at}>Evaluations</Link>
      <Link to={`${root}/history`} params={at}>History</Link>
      <Link to={`${root}/settings`} params={at}>Settings</Link>
    </TabLinks>
  );
}
