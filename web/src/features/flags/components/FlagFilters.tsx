import { Select, TextInput } from '@mantine/core';
import { useDebouncedCallback } from '@mantine/hooks';
import { IconSearch } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';

import { SearchSelect } from '@/components/SearchSelect';
import { flagsSearch, flagStates, flagTagsQuery, type FlagsSearch } from '@/features/flags/api/flags';
import classes from '@/features/flags/components/Flags.module.css';
import { segmentChoiceQuery } from '@/lib/api/segments';
import { counted } from '@/lib/number';
import type { Place } from '@/lib/place';

interface FlagFiltersProps {
  place: Place;
  search: FlagsSearch;
  total: number | undefined;
  onChange: (search: FlagsSearch) => void;
}

/** Which flags are listed; all of it stands in the address. */
export function FlagFilters({ place, search, total, onChange }: FlagFiltersProps) {
  const { data: tags = [] } = useQuery(flagTagsQuery);
  const [words, setWords] = useState(search.q ?? '');
  const change = (part: Record<string, unknown>) => onChange(flagsSearch({ ...search, ...part, page: undefined }));
  const searchLater = useDebouncedCallback((q: string) => change({ q: q.trim() }), 200);
  const filter = (label: string, name: 'state' | 'tag', data: { value: string; label: string }[]) => (
    <Select
      className={classes.filter} aria-label={label} placeholder={label} data={data} comboboxProps={{ withinPortal: false }} value={search[name] ?? null} clearable
      clearButtonProps={{ 'aria-label': `Clear ${label.toLowerCase()}` }} onChange={(value) => change({ [name]: value ?? undefined })}
    />
  );
  return (
    <div className={classes.filters}>
      <TextInput
        className={classes.search} type="search" aria-label="Search flags" placeholder="Name or key" leftSection={<IconSearch size={16} aria-hidden />} value={words}
        onChange={(event) => {
          setWords(event.currentTarget.value);
          searchLater(event.currentTarget.value);
        }}
      />
      {filter('State', 'state', flagStates.map((state) => ({ value: state, label: state.charAt(0).toUpperCase() + state.slice(1) })))}
      <SegmentFilter place={place} value={search.segment} onChange={(segment) => change({ segment })} />
      {filter('Tag', 'tag', tags.map((tag) => ({ value: tag, label: tag })))}
      <span className={classes.total} role="status">{total !== undefined && counted(total, 'result')}</span>
    </div>
  );
}

/** A segment that the flags use. */
function SegmentFilter({ place, value, onChange }: { place: Place; value: string | undefined; onChange: (segment: string | undefined) => void }) {
  const [words, setWords] = useState('');
  const { data: found = [] } = useQuery(segmentChoiceQuery(place, words));
  return (
    <SearchSelect
      className={classes.filter} aria-label="Segment" placeholder="Segment" value={value} found={found.map(({ key, name }) => ({ value: key, label: name }))} onWords={setWords}
      onChange={onChange} comboboxProps={{ withinPortal: false }} clearable clearButtonProps={{ 'aria-label': 'Clear segment' }} nothingFoundMessage="No segment is called that."
    />
  );
}
