import { Select, TextInput } from '@mantine/core';
import { useDebouncedCallback } from '@mantine/hooks';
import { IconSearch } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';

import { looks } from '@/components/runWords';
import { runStates, syncsSearch, type SyncsSearch } from '@/features/syncs/api/runs';
import { SegmentFilter } from '@/features/syncs/components/SegmentFilter';
import classes from '@/features/syncs/components/Syncs.module.css';
import { toolsQuery } from '@/lib/api/tools';
import { counted } from '@/lib/number';
import type { Place } from '@/lib/place';

interface SyncFiltersProps {
  place: Place;
  search: SyncsSearch;
  total: number | undefined;
  onChange: (search: SyncsSearch) => void;
}

/** The word of a state where those of a sync under way are told apart. */
function wordOf(state: (typeof runStates)[number]): string {
  const { word } = looks[state];
  return state === 'received' ? `${word}, receiving` : state === 'staged' ? `${word}, staged` : word;
}

/** Which syncs are listed; all of it stands in the address. */
export function SyncFilters({ place, search, total, onChange }: SyncFiltersProps) {
  const { data: tools } = useQuery(toolsQuery);
  const [words, setWords] = useState(search.q ?? '');
  const change = (part: Record<string, unknown>) => onChange(syncsSearch({ ...search, ...part, page: undefined }));
  const searchLater = useDebouncedCallback((q: string) => change({ q: q.trim() }), 200);
  const filter = (label: string, name: 'state' | 'tool', data: { value: string; label: string }[]) => (
    <Select
      className={classes.filter} aria-label={label} placeholder={label} data={data} value={search[name] ?? null} clearable
      clearButtonProps={{ 'aria-label': `Clear ${label.toLowerCase()}` }} onChange={(value) => change({ [name]: value ?? undefined })}
    />
  );
  return (
    <div className={classes.filters}>
      <TextInput
        className={classes.search} type="search" aria-label="Search syncs" placeholder="Name or key of the segment" leftSection={<IconSearch size={16} aria-hidden />} value={words}
        maxLength={256}
        onChange={(event) => {
          setWords(event.currentTarget.value);
          searchLater(event.currentTarget.value);
        }}
      />
      {filter('State', 'state', runStates.map((state) => ({ value: state, label: wordOf(state) })))}
      {filter('Tool', 'tool', (tools?.items ?? []).map((tool) => ({ value: tool.key, label: tool.name })))}
      <SegmentFilter key={search.segment ?? ''} place={place} value={search.segment} className={classes.segment} onChange={(segment) => change({ segment })} />
      <span className={classes.total} role="status">{total !== undefined && counted(total, 'sync')}</span>
    </div>
  );
}
