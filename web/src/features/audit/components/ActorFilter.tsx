import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';

import { SearchSelect } from '@/components/SearchSelect';
import { actorQuery, actorsQuery } from '@/features/audit/api/audit';
import classes from '@/features/audit/components/Audit.module.css';

interface ActorFilterProps {
  /** The id of an account member or a token. */
  value: string | undefined;
  onChange: (id: string | undefined) => void;
}

/** Who is behind the entries: a person or a token, whom the server looks for by name. */
export function ActorFilter({ value, onChange }: ActorFilterProps) {
  const [words, setWords] = useState('');
  const { data: found = [], isFetching } = useQuery(actorsQuery(words));
  const { data: chosen } = useQuery({ ...actorQuery(value ?? ''), enabled: value !== undefined });
  return (
    <SearchSelect
      className={classes.actor} aria-label="Who" placeholder="Who" value={value} chosen={chosen?.label} found={found} onWords={setWords} onChange={onChange} clearable comboboxProps={{ withinPortal: false }}
      clearButtonProps={{ 'aria-label': 'Clear who' }} nothingFoundMessage={isFetching ? 'Searching…' : 'Nobody is called so'}
    />
  );
}
