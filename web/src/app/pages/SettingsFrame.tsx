import { useQuery } from '@tanstack/react-query';
import { Link, Outlet } from '@tanstack/react-router';

import { useCurrentPlace } from '@/app/place';
import { PageHeader } from '@/components/PageHeader';
import { TabLinks } from '@/components/TabLinks';
import { environmentQuery } from '@/lib/api/environment';
import type { Place } from '@/lib/place';

const root = '/projects/$project/environments/$environment/settings';

/** The frame of everything that is set: of an environment, of oneself, of the server. */
export function SettingsFrame() {
  const place = useCurrentPlace();
  return (
    <>
      <PageHeader title="Settings" facts={place && <Facts place={place} />} />
      <TabLinks label="Settings">
        {place && <Link to={`${root}/keys`} params={place}>Keys</Link>}
        {place && <Link to={`${root}/webhooks`} params={place}>Webhooks</Link>}
        {place && <Link to={`${root}/guard`} params={place}>Guard</Link>}
        <Link to="/settings/account">Account</Link>
        <Link to="/settings/limits">Limits</Link>
        <Link to="/settings/about">About</Link>
      </TabLinks>
      <Outlet />
    </>
  );
}

function Facts({ place }: { place: Place }) {
  const { data: environment } = useQuery(environmentQuery(place));
  return <span>Keys and Guard are those of {environment?.name ?? place.environment}; the others are of the whole server.</span>;
}
