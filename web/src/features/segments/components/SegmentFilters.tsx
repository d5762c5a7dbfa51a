import { Select, TextInput } from '@mantine/core';
import { useDebouncedCallback } from '@mantine/hooks';
import { IconSearch } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';

import { segmentsSearch, segmentStates, type SegmentsSearch } from '@/features/segments/api/search';
import { tagsQuery } from '@/features/segments/api/segments';
import classes from '@/features/segments/components/SegmentFilters.module.css';
import { toolsQuery } from '@/lib/api/tools';
import { counted } from '@/lib/number';

interface SegmentFiltersProps {
  search: SegmentsSearch;
  total: number | undefined;
  onChange: (search: SegmentsSearch) => void;
}

/** Which segments are listed; all of it stands in the address. */
export function SegmentFilters({ search, total, onChange }: SegmentFiltersProps) {
  const { data: tags = [] } = useQuery(tagsQuery);
  const { data: tools } = useQuery(toolsQuery);
  const [text, setText] = useState(search.q ?? '');
  const change = (part: Record<string, unknown>) => onChange(segmentsSearch({ ...search, ...part, page: undefined }));
  const searchLater = useDebouncedCallback((q: string) => change({ q: q.trim() }), 200);
  const filter = (label: string, name: keyof SegmentsSearch, data: { value: string; label: string }[]) => (
    <Select
      className={classes.filter} aria-label={label} placeholder={label} data={data} comboboxProps={{ withinPortal: false }} value={(search[name] as string | undefined) ?? null} clearable
      clearButtonProps={{ 'aria-label': `Clear ${label.toLowerCase()}` }} onChange={(value) => change({ [name]: value ?? undefined })}
    />
  );
  return (
    <div className={classes.filters}>
      <TextInput
        className={classes.search} type="search" aria-label="Search segments" placeholder="Name, key or external id" leftSection={<IconSearch size={16} aria-hidden />}
        value={text}
        onChange={(event) => {
          setText(event.currentTarget.value);
          searchLater(event.currentTarget.value);
        }}
      />
      {filter('State', 'state', segmentStates.map((state) => ({ value: state, label: state.charAt(0).toUpperCase() + state.slice(1) })))}
      {filter('Tool', 'tool', (tools?.items ?? []).map((tool) => ({ value: tool.key, label: tool.name })))}
      {filter('Tag', 'tag', tags.map((tag) => ({ value: tag, label: tag })))}
      <span className={classes.total} role="status">{total !== undefined && counted(total, 'result')}</span>
    </div>
  );
}
