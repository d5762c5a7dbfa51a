import { Button } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link, useParams } from '@tanstack/react-router';

import { EmptyState } from '@/components/EmptyState';
import { ErrorState } from '@/components/ErrorState';
import { PageHeader } from '@/components/PageHeader';
import { Panel } from '@/components/Panel';
import { followersQuery } from '@/features/destinations/api/followers';
import { useFollowersLive } from '@/features/destinations/api/useFollowersLive';
import { sinkOf } from '@/features/destinations/api/useSinkWork';
import { SinkDetails } from '@/features/destinations/components/SinkDetails';
import { environmentQuery } from '@/lib/api/environment';
import { usePlace } from '@/lib/place';

/** One store that muster keeps current. */
export function DestinationPage() {
  const place = usePlace();
  const { destination = '' }: { destination?: string } = useParams({ strict: false });
  const { data, error, refetch } = useQuery(followersQuery(place));
  const { data: environment } = useQuery(environmentQuery(place));
  useFollowersLive(place, destination);
  const follower = data?.items.find((one) => one.integrationId === destination);
  const at = follower && sinkOf(place, follower);
  if (at) return <SinkDetails at={at} follower={follower} />;
  const all = <Link key="destinations" to="/projects/$project/environments/$environment/destinations" params={place}>Destinations</Link>;
  if (error && !data) {
    return (
      <>
        <PageHeader title="Destination" above={[all]} />
        <Panel><ErrorState title="The destination could not be loaded. It is kept current meanwhile." error={error} onRetry={() => void refetch()} /></Panel>
      </>
    );
  }
  if (!data) return <PageHeader title="Destination" above={[all]} />;
  return (
    <>
      <PageHeader title="Nothing here" above={[all]} />
      <Panel>
        <EmptyState
          title={`There is no destination “${destination}” in ${environment?.name ?? place.environment}.`}
          actions={(
            <Button variant="default" renderRoot={(root) => <Link {...root} to="/projects/$project/environments/$environment/destinations" params={place} />}>
              All destinations
            </Button>
          )}
        >
          It may have been removed, or the link is cut off.
        </EmptyState>
      </Panel>
    </>
  );
}
