import { Button, Select } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';

import { Panel } from '@/components/Panel';
import classes from '@/features/sources/components/Source.module.css';
import { segmentChoiceQuery } from '@/lib/api/segments';
import type { Place } from '@/lib/place';

/** Asks which segment the list is for. */
export function SegmentChoice({ place, onSegment }: { place: Place; onSegment: (key: string) => void }) {
  const [words, setWords] = useState('');
  const [settled] = useDebouncedValue(words, 200);
  const { data = [], isFetching } = useQuery(segmentChoiceQuery(place, settled.trim()));
  return (
    <Panel title="Which segment is it for?">
      <div className={classes.aside}>
        <Select
          label="Segment" placeholder="Name or key" searchable maw={420} data={data.map((segment) => ({ value: segment.key, label: `${segment.name} (${segment.key})` }))}
          searchValue={words} onSearchChange={setWords} filter={({ options }) => options} nothingFoundMessage={isFetching ? 'Searching…' : 'No segment has this name or key.'}
          onChange={(key) => key !== null && onSegment(key)}
        />
        <p className={classes.small}>A list goes into one segment: one that is there already, or a new one made for it.</p>
        <div>
          <Button variant="default" renderRoot={(root) => <Link {...root} to="/projects/$project/environments/$environment/segments/new" params={place} search={{ by: 'list' }} />}>Create segment</Button>
        </div>
      </div>
    </Panel>
  );
}
