import { Select } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';

import { segmentChoiceQuery } from '@/lib/api/segments';
import type { Place } from '@/lib/place';

interface SegmentFilterProps {
  place: Place;
  value: string | undefined;
  className?: string;
  onChange: (key: string | undefined) => void;
}

/** Narrows a list to one segment, which the server looks for by name or key. */
export function SegmentFilter({ place, value, className, onChange }: SegmentFilterProps) {
  const [words, setWords] = useState(value ?? '');
  const [settled] = useDebouncedValue(words, 200);
  const { data = [], isFetching } = useQuery(segmentChoiceQuery(place, settled.trim()));
  // The one that is chosen may be gone, or not among the first.
  const known = data.map((segment) => ({ value: segment.key, label: segment.key }));
  const options = value === undefined || known.some((one) => one.value === value) ? known : [{ value, label: value }, ...known];
  return (
    <Select
      className={className} aria-label="Segment" placeholder="Segment" searchable clearable clearButtonProps={{ 'aria-label': 'Clear segment' }} data={options}
      value={value ?? null} searchValue={words} onSearchChange={setWords} filter={(search) => search.options}
      nothingFoundMessage={isFetching ? 'Searching…' : 'No segment has this name or key.'} onChange={(key) => onChange(key ?? undefined)}
    />
  );
}
