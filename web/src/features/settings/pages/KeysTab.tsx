import { useQuery } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';

import { Columns } from '@/components/Columns';
import type { KeysSearch } from '@/features/settings/api/search';
import { DeleteEnvironment } from '@/features/settings/components/DeleteEnvironment';
import { EnvironmentList } from '@/features/settings/components/EnvironmentList';
import { EnvironmentPanel } from '@/features/settings/components/EnvironmentPanel';
import { KeysPanel } from '@/features/settings/components/KeysPanel';
import { environmentQuery } from '@/lib/api/environment';
import { usePlace } from '@/lib/place';

const route = getRouteApi('/shell/projects/$project/environments/$environment/settings/keys');

/** What an environment shows who it is by, and what it is; the environments beside it. */
export function KeysTab() {
  const place = usePlace();
  const { dialog } = route.useSearch();
  const navigate = route.useNavigate();
  const { data: environment } = useQuery(environmentQuery(place));
  const show = (next: KeysSearch['dialog']) => void navigate({ search: { dialog: next }, resetScroll: false });
  if (!environment) return null;
  const here = `${place.project} ${place.environment}`;
  return (
    <Columns aside={(
      <>
        <EnvironmentList place={place} dialog={dialog} onDialog={show} />
        <DeleteEnvironment key={here} place={place} environment={environment} asking={dialog === 'delete'} onDialog={show} />
      </>
    )}
    >
      <KeysPanel place={place} environment={environment} dialog={dialog} onDialog={show} />
      <EnvironmentPanel key={here} place={place} environment={environment} />
    </Columns>
  );
}
