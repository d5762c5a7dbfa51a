import { useQuery } from '@tanstack/react-query';

import { DataTable, type Column } from '@/components/DataTable';
import { EmptyState } from '@/components/EmptyState';
import { ErrorState } from '@/components/ErrorState';
import { Fact, Facts } from '@/components/Facts';
import { Panel } from '@/components/Panel';
import { RowName } from '@/components/RowName';
import { StatePill } from '@/components/StatePill';
import { packagesQuery, statusQuery, type Package, type Status } from '@/features/settings/api/about';
import { room } from '@/features/settings/components/limitWords';
import classes from '@/features/settings/components/Settings.module.css';
import { counted } from '@/lib/number';
import { exactTime, longDuration } from '@/lib/time';
import { useAge } from '@/lib/useNow';

/** What runs here: the version, its store and disk, and whose work it stands on. */
export function AboutTab() {
  const { data, error, refetch } = useQuery(statusQuery);
  return (
    <div className={classes.rows}>
      <Panel title="This server">
        {error && !data && <ErrorState title="What the server says of itself could not be loaded." error={error} onRetry={() => void refetch()} />}
        {data && <Server status={data} />}
      </Panel>
      <Licences />
    </div>
  );
}

function Server({ status }: { status: Status }) {
  const age = useAge(status.startedAt);
  const { disk } = status;
  return (
    <Facts>
      <Fact label="State">{status.status === 'healthy' ? <StatePill state="live" word="Healthy" /> : <StatePill state="failed" word="Degraded" why="/status says what is not as it should be." />}</Fact>
      <Fact label="Version">{status.version}</Fact>
      <Fact label="Up for">{longDuration(age)}, since {exactTime(status.startedAt)}</Fact>
      <Fact label="Store">{status.store === 'embedded' ? 'Embedded, in the data directory of this process' : status.store}</Fact>
      <Fact label="Disk">
        {disk
          ? `${room(disk.freeBytes)} of ${room(disk.sizeBytes)} free.${disk.reserveBytes > 0 ? ` Below ${room(disk.reserveBytes)} pushes are asked to wait; everything else goes on.` : ''}`
          : 'Not known: the store is in memory, or the system does not say.'}
      </Fact>
    </Facts>
  );
}

const columns: Column<Package>[] = [
  { key: 'name', label: 'Package', cell: (one) => <RowName under={one.version}>{one.name}</RowName> },
  { key: 'in', label: 'Part of', priority: 2, cell: (one) => (one.in === 'server' ? 'The server' : 'These pages') },
  { key: 'licence', label: 'Licence', card: 'state', cell: (one) => one.licence },
];

function Licences() {
  const { data, error, refetch } = useQuery(packagesQuery);
  return (
    <Panel title="Licences" flush actions={data && <a href="/ui/licences.txt" target="_blank" rel="noreferrer">All texts</a>}>
      {error && !data
        ? <ErrorState title="The list of packages could not be loaded." error={error} onRetry={() => void refetch()} />
        : (
            <DataTable
              label={data ? counted(data.length, 'package') : 'Packages'} columns={columns} rows={data} rowKey={(one) => `${one.in} ${one.name} ${one.version}`}
              empty={<EmptyState title="Nothing of others is in this build">Only what muster itself is made of.</EmptyState>}
            />
          )}
    </Panel>
  );
}
