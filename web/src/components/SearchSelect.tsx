import { Select, type SelectProps } from '@mantine/core';
import { useDebouncedCallback } from '@mantine/hooks';
import { useState } from 'react';

interface SearchSelectProps extends Omit<SelectProps, 'data' | 'value' | 'onChange' | 'searchable' | 'searchValue' | 'onSearchChange' | 'filter'> {
  value: string | undefined;
  /** What the chosen one is called, when it is not among those found. */
  chosen?: string;
  /** What the server found for the words. */
  found: readonly { value: string; label: string }[];
  /** Called with what to look for, a moment after it was typed. */
  onWords: (words: string) => void;
  onChange: (value: string | undefined) => void;
}

/** A choice among more than can be listed: the server looks for what is typed. */
export function SearchSelect({ value, chosen, found, onWords, onChange, ...select }: SearchSelectProps) {
  const [words, setWords] = useState('');
  const lookLater = useDebouncedCallback(onWords, 200);
  const known = found.find((one) => one.value === value)?.label ?? chosen ?? value;
  const data = [...found];
  if (value !== undefined && known !== undefined && !found.some((one) => one.value === value)) data.unshift({ value, label: known });
  return (
    <Select
      {...select} data={data} value={value ?? null} onChange={(next) => onChange(next ?? undefined)} searchable searchValue={words} filter={({ options }) => options}
      onSearchChange={(next) => {
        setWords(next);
        // The name of the chosen one is no question.
        lookLater(next === known || data.some(({ label }) => label === next) ? '' : next.trim());
      }}
    />
  );
}
