import { Button } from '@mantine/core';
import { Link } from '@tanstack/react-router';

import { Count } from '@/components/Count';
import type { Column } from '@/components/DataTable';
import { StatePill } from '@/components/StatePill';
import type { Follower } from '@/features/destinations/api/followers';
import type { Question } from '@/features/destinations/api/search';
import classes from '@/features/destinations/components/Destinations.module.css';
import { factsOf, kindWords, lagOf, nameOf, type Destination } from '@/features/destinations/components/destinationWords';
import { FollowerState } from '@/features/destinations/components/FollowerState';
import { LagSpark } from '@/features/destinations/components/LagSpark';
import { ResyncAll } from '@/features/destinations/components/ResyncAll';
import { SinkActions } from '@/features/destinations/components/SinkActions';
import type { Place } from '@/lib/place';

interface ColumnsOptions {
  place: Place;
  /** The newest revision; undefined while it is not known. */
  head: number | undefined;
  /** Opens a question about a store. */
  onAsk: (follower: Follower, question: Question) => void;
}

/** The columns of the list of who reads the membership. */
export function destinationColumns({ place, head, onAsk }: ColumnsOptions): Column<Destination>[] {
  const of = <Cell,>(builtin: Cell, cell: (follower: Follower) => Cell) => (row: Destination) => ('follower' in row ? cell(row.follower) : builtin);
  return [
    {
      key: 'name', label: 'Destination',
      cell: (row) => (
        <div className={classes.name}>
          <b>{'follower' in row ? <Name place={place} follower={row.follower} /> : 'Built-in store'}</b>
          <div>{'follower' in row ? factsOf(row.follower) : row.readers}</div>
        </div>
      ),
    },
    { key: 'kind', label: 'Kind', priority: 2, cell: of('Built in', (follower) => kindWords[follower.kind]) },
    {
      key: 'revision', label: 'Revision', numeric: true, priority: 3,
      cell: of(<Count value={head} />, (follower) => <Count value={follower.revision > 0 ? follower.revision : null} />),
    },
    { key: 'lag', label: 'Lag', numeric: true, card: 'figure', cell: of('0 s', lagOf) },
    {
      key: 'lags', label: 'Lag, 1 h', priority: 3,
      cell: of(<Count value={null} />, ({ lags, state }) => (lags && lags.length > 1 ? <LagSpark lags={lags} warn={state === 'failed'} /> : <Count value={null} />)),
    },
    { key: 'state', label: 'State', card: 'state', cell: of(<StatePill state="live" word="Up to date" />, (follower) => <FollowerState follower={follower} />) },
    {
      key: 'actions', label: 'Actions', numeric: true, card: 'fresh',
      cell: of(<ShowSDKs place={place} />, (follower) => <Actions place={place} follower={follower} onAsk={onAsk} />),
    },
  ];
}

function Name({ place, follower }: { place: Place; follower: Follower }) {
  const name = nameOf(follower);
  if (follower.integrationId === undefined) return name;
  return <Link to="/projects/$project/environments/$environment/destinations/$destination" params={{ ...place, destination: follower.integrationId }}>{name}</Link>;
}

function ShowSDKs({ place }: { place: Place }) {
  return (
    <Button
      variant="default" size="compact-md"
      renderRoot={(root) => <Link {...root} to="/projects/$project/environments/$environment/destinations" params={place} search={{ kind: 'sdk' }} />}
    >
      SDKs
    </Button>
  );
}

function Actions({ place, follower, onAsk }: { place: Place; follower: Follower; onAsk: ColumnsOptions['onAsk'] }) {
  if (follower.kind === 'relay') return <ResyncAll place={place} />;
  if (follower.kind !== 'sink') return null;
  return <SinkActions place={place} follower={follower} onAsk={(question) => onAsk(follower, question)} />;
}
