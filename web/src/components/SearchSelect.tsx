import { Select, type ComboboxData, type SelectProps } from '@mantine/core';
import { useDebouncedCallback } from '@mantine/hooks';
import { useState } from 'react';

import classes from '@/components/SearchSelect.module.css';

interface Choice {
  value: string;
  label: string;
  group?: string;
}

interface SearchSelectProps extends Omit<SelectProps, 'data' | 'value' | 'onChange' | 'searchable' | 'searchValue' | 'onSearchChange' | 'filter'> {
  value: string | undefined;
  /** What the chosen one is called, when it is not among those found. */
  chosen?: string;
  /** What the server found for the words; those of a group stand together. */
  found: readonly Choice[];
  /** Called with what to look for, a moment after it was typed. */
  onWords: (words: string) => void;
  onChange: (value: string | undefined) => void;
}

/** A choice among more than can be listed: the server looks for what is typed. */
export function SearchSelect({ value, chosen, found, onWords, onChange, ...select }: SearchSelectProps) {
  const [words, setWords] = useState('');
  const lookLater = useDebouncedCallback(onWords, 200);
  const known = found.find((one) => one.value === value)?.label ?? chosen ?? value;
  const data: Choice[] = [...found];
  if (value !== undefined && known !== undefined && !found.some((one) => one.value === value)) data.unshift({ value, label: known });
  return (
    <Select
      {...select} data={grouped(data)} value={value ?? null} onChange={(next) => onChange(next ?? undefined)} searchable searchValue={words} filter={({ options }) => options}
      // The list itself scrolls, which keys reach.
      withScrollArea={false} classNames={{ options: classes.options }}
      onSearchChange={(next) => {
        setWords(next);
        // The name of the chosen one is no question.
        lookLater(next === known || data.some(({ label }) => label === next) ? '' : next.trim());
      }}
    />
  );
}

/** As Mantine wants them: what has a member called group is one to it. */
function grouped(choices: readonly Choice[]): ComboboxData {
  const of = (group: string | undefined) => choices.filter((one) => one.group === group).map(({ value, label }) => ({ value, label }));
  const groups = [...new Set(choices.flatMap(({ group }) => group ?? []))];
  return [...of(undefined), ...groups.map((group) => ({ group, items: of(group) }))];
}
