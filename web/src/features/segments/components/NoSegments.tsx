import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate } from '@tanstack/react-router';

import { CodeBlock } from '@/components/CodeBlock';
import { EmptyState } from '@/components/EmptyState';
import classes from '@/features/segments/components/NoSegments.module.css';
import { WaysIn } from '@/features/segments/components/WaysIn';
import { environmentQuery } from '@/lib/api/environment';
import type { Place } from '@/lib/place';

/** What stands where the segments of an environment will be. */
export function NoSegments({ place, environment }: { place: Place; environment: string }) {
  const navigate = useNavigate();
  const { data } = useQuery(environmentQuery(place));
  return (
    <div style={{ padding: '0 18px 18px' }}>
      <EmptyState title={`No segments in ${environment} yet`}>
        A segment is a list of people that your flags can target. Bring one in from the tool that already knows them.
      </EmptyState>
      <WaysIn place={place} onByHand={() => void navigate({ to: '/projects/$project/environments/$environment/segments/new', params: place, search: { by: 'hand' } })} />
      {data && (
        <div className={classes.call}>
          <CodeBlock label="Or by a call, with an access token in MUSTER_TOKEN" code={callOf(data._id)} />
          <p>Make the token under <Link to="/access/tokens">Access</Link>, with the role Writer. This page shows the call the moment it arrives.</p>
        </div>
      )}
    </div>
  );
}

/** A push as a tool sends it, which makes a segment of two members. */
function callOf(environmentId: string): string {
  const body = {
    environmentId, cohortId: 'first', cohortName: 'My first segment', listData: { add: [{ id: 'ana@example.org' }, { id: 'bo@example.org' }], remove: [] },
  };
  return `curl ${window.location.origin}/api/v2/segment-targets/rudderstack \\
  -H "Authorization: $MUSTER_TOKEN" -H 'Content-Type: application/json' \\
  -d '${JSON.stringify(body)}'`;
}
