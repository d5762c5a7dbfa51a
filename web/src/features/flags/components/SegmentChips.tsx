import { ActionIcon, Select } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { IconX } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';

import { StatePill, type State } from '@/components/StatePill';
import { membersOf, namedSegmentQuery } from '@/features/flags/api/namedSegments';
import classes from '@/features/flags/components/Clause.module.css';
import { unmounted } from '@/features/flags/components/unmounted';
import { segmentChoiceQuery } from '@/lib/api/segments';
import { counted } from '@/lib/number';
import type { Place } from '@/lib/place';

interface SegmentChipsProps {
  place: Place;
  /** Which condition it is: "Rule 1, condition 1". */
  label: string;
  keys: readonly string[];
  disabled: boolean;
  error: string | undefined;
  onChange: (keys: string[]) => void;
}

/** The segments of a condition, each with what it holds, and a search for more. */
export function SegmentChips({ place, label, keys, disabled, error, onChange }: SegmentChipsProps) {
  const [words, setWords] = useState('');
  const [settled] = useDebouncedValue(words, 200);
  const { data = [], isFetching } = useQuery({ ...segmentChoiceQuery(place, settled.trim()), enabled: !disabled });
  const options = data.filter((segment) => !keys.includes(segment.key)).map((segment) => ({ value: segment.key, label: segment.name }));
  return (
    <div className={classes.segments}>
      {keys.length > 0 && (
        <ul className={classes.chips} aria-label={`${label}: segments`}>
          {keys.map((key) => <Chip key={key} place={place} segment={key} onRemove={disabled ? undefined : () => onChange(keys.filter((one) => one !== key))} />)}
        </ul>
      )}
      <Select
        comboboxProps={unmounted} className={classes.search} aria-label={`${label}: add a segment`} placeholder={keys.length === 0 ? 'Segment, by name or key' : 'Add another'} searchable value={null}
        data={options} filter={({ options: found }) => found} searchValue={words} onSearchChange={setWords} disabled={disabled} error={error}
        nothingFoundMessage={isFetching ? 'Searching…' : 'No other segment has this name or key.'}
        onChange={(key) => {
          setWords('');
          if (key !== null) onChange([...keys, key]);
        }}
      />
    </div>
  );
}

const states: readonly State[] = ['syncing', 'held', 'stale', 'failed'];

function Chip({ place, segment, onRemove }: { place: Place; segment: string; onRemove: (() => void) | undefined }) {
  const { data, error } = useQuery(namedSegmentQuery(place, segment));
  const members = data && membersOf(data);
  const state = states.find((one) => one === data?._muster?.state) ?? (data?._muster?.drifted ? 'drifted' : undefined);
  const name = data?.name ?? segment;
  return (
    <li className={classes.chip}>
      <span>
        <Link to="/projects/$project/environments/$environment/segments/$segment" params={{ ...place, segment }} title={segment}>{name}</Link>
        {members !== undefined && <span className={classes.count}>{counted(members, 'member')}</span>}
        {state && <StatePill state={state} />}
        {error && <span className={classes.count}>{'not there: nobody is in it'}</span>}
      </span>
      {onRemove && (
        <ActionIcon variant="subtle" size={20} color="gray" aria-label={`Remove segment ${name}`} onClick={onRemove}><IconX size={13} aria-hidden /></ActionIcon>
      )}
    </li>
  );
}
