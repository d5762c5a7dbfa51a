import { TextInput } from '@mantine/core';
import { IconSearch } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';

import { DataTable, type Column } from '@/components/DataTable';
import { EmptyState } from '@/components/EmptyState';
import { ErrorState } from '@/components/ErrorState';
import { Panel } from '@/components/Panel';
import { RowName } from '@/components/RowName';
import { limitsQuery, type Limit } from '@/features/settings/api/limits';
import { limitValue, limitWords } from '@/features/settings/components/limitWords';
import classes from '@/features/settings/components/Settings.module.css';
import { digits } from '@/lib/number';

const route = getRouteApi('/shell/settings/limits');

const columns: Column<Limit>[] = [
  { key: 'name', label: 'Limit', cell: ({ name }) => <RowName under={name}>{limitWords(name)}</RowName> },
  { key: 'value', label: 'Value', numeric: true, card: 'figure', cell: (limit) => <span title={digits(limit.value)}>{limitValue(limit)}</span> },
  { key: 'setting', label: 'Where it is set', card: 'state', cell: ({ setting }) => (setting === undefined ? 'Built in' : <code>{setting}</code>) },
];

/** What clients may send and get at most: each value is the one that is enforced. */
export function LimitsTab() {
  const { data, error, refetch } = useQuery(limitsQuery);
  const { q: words = '' } = route.useSearch();
  const navigate = route.useNavigate();
  if (error && !data) {
    return <Panel><ErrorState title="The limits could not be loaded. They are enforced all the same." error={error} onRetry={() => void refetch()} /></Panel>;
  }
  const sought = words.trim().toLowerCase();
  // The server's list is whole, so that looking through it here misses nothing.
  const rows = data?.filter(({ name, setting }) => `${name} ${limitWords(name)} ${setting ?? ''}`.toLowerCase().includes(sought)).sort((a, b) => Number(a.setting === undefined) - Number(b.setting === undefined));
  return (
    <>
      <div className={classes.filter}>
        <TextInput
          aria-label="Search limits" placeholder="Name or setting" leftSection={<IconSearch size={16} aria-hidden />} value={words} w={280}
          onChange={(event) => void navigate({ search: { q: event.currentTarget.value || undefined }, replace: true, resetScroll: false })}
        />
        <p className={classes.hint}>Those with a setting change with it when the server starts; what is larger is refused, and the refusal names the limit.</p>
      </div>
      <DataTable
        label="Limits" columns={columns} rows={rows} rowKey={(limit) => limit.name}
        empty={<EmptyState title={`No limit matches “${words}”`}>Names are those of the API, as in maxMemberKeyBytes.</EmptyState>}
      />
    </>
  );
}
