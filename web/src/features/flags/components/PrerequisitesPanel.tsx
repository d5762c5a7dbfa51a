import { ActionIcon, Select } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { IconX } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';

import { flagQuery, type FlagPlace } from '@/features/flags/api/flag';
import { flagsQuery, type Flag } from '@/features/flags/api/flags';
import type { Prerequisite } from '@/features/flags/api/targeting';
import { variationOf } from '@/features/flags/components/flagWords';
import classes from '@/features/flags/components/Targeting.module.css';

interface PrerequisitesPanelProps {
  at: FlagPlace;
  flag: Flag;
  prerequisites: readonly Prerequisite[];
  refused: string | undefined;
  onChange: (prerequisites: Prerequisite[]) => void;
}

/** The flags that have to serve something first; else this one serves what it does when it is off. */
export function PrerequisitesPanel({ at, flag, prerequisites, refused, onChange }: PrerequisitesPanelProps) {
  const disabled = refused !== undefined;
  const replace = (next: Prerequisite) => onChange(prerequisites.map((one) => (one.key === next.key ? next : one)));
  return (
    <section className={classes.box} aria-label="Prerequisites">
      <div className={classes.line}>
        <h2>Prerequisites</h2>
        <div className={classes.rows}>
          {prerequisites.length === 0 && disabled && <span className={classes.hint}>none</span>}
          {prerequisites.map((one) => (
            <PrerequisiteRow
              key={one.key} at={at} prerequisite={one} disabled={disabled} onChange={replace} onRemove={() => onChange(prerequisites.filter(({ key }) => key !== one.key))}
            />
          ))}
          {!disabled && <AddPrerequisite at={at} taken={[flag.key, ...prerequisites.map(({ key }) => key)]} onAdd={(one) => onChange([...prerequisites, one])} />}
        </div>
      </div>
      {refused && <p className={classes.refused}>{refused}</p>}
    </section>
  );
}

interface PrerequisiteRowProps {
  at: FlagPlace;
  prerequisite: Prerequisite;
  disabled: boolean;
  onChange: (prerequisite: Prerequisite) => void;
  onRemove: () => void;
}

function PrerequisiteRow({ at, prerequisite, disabled, onChange, onRemove }: PrerequisiteRowProps) {
  const { key, variation } = prerequisite;
  const { data: other } = useQuery(flagQuery({ ...at, flag: key }));
  const name = other?.name ?? key;
  return (
    <div className={classes.row}>
      <Link to="/projects/$project/environments/$environment/flags/$flag" params={{ ...at, flag: key }}>{name}</Link>
      <span>has to serve</span>
      <Select
        className={classes.choice} aria-label={`What ${name} has to serve`} allowDeselect={false} disabled={disabled || !other} value={String(variation)}
        data={other?.variations.map((_, i) => ({ value: String(i), label: variationOf(other, i) })) ?? []}
        onChange={(value) => value !== null && onChange({ key, variation: Number(value), variationId: other?.variations[Number(value)]?._id })}
      />
      {!disabled && <ActionIcon variant="subtle" color="gray" aria-label={`Remove prerequisite ${name}`} onClick={onRemove}><IconX size={15} aria-hidden /></ActionIcon>}
    </div>
  );
}

/** Looks for a flag by name or key. */
function AddPrerequisite({ at, taken, onAdd }: { at: FlagPlace; taken: readonly string[]; onAdd: (prerequisite: Prerequisite) => void }) {
  const [words, setWords] = useState('');
  const [settled] = useDebouncedValue(words.trim(), 200);
  const { data, isFetching } = useQuery(flagsQuery(at, settled === '' ? {} : { q: settled }));
  const found = (data?.items ?? []).filter(({ key }) => !taken.includes(key));
  return (
    <Select
      className={classes.search} aria-label="Add a prerequisite" placeholder="Add a flag, by name or key" searchable value={null} data={found.map(({ key, name }) => ({ value: key, label: name }))}
      filter={({ options }) => options} searchValue={words} onSearchChange={setWords} nothingFoundMessage={isFetching ? 'Searching…' : 'No other flag has this name or key.'}
      onChange={(key) => {
        setWords('');
        const other = found.find((one) => one.key === key);
        if (other) onAdd({ key: other.key, variation: 0, variationId: other.variations[0]?._id });
      }}
    />
  );
}
