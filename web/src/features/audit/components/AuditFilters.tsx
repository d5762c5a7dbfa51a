import { Autocomplete, TextInput } from '@mantine/core';
import { useDebouncedCallback } from '@mantine/hooks';
import { IconSearch } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';

import { auditSearch, resourcesQuery, type AuditSearch } from '@/features/audit/api/audit';
import { ActorFilter } from '@/features/audit/components/ActorFilter';
import classes from '@/features/audit/components/Audit.module.css';

interface AuditFiltersProps {
  search: AuditSearch;
  onChange: (search: AuditSearch) => void;
}

/** Which entries are listed; all of it stands in the address. */
export function AuditFilters({ search, onChange }: AuditFiltersProps) {
  const { data: kinds } = useQuery(resourcesQuery);
  const [typed, setTyped] = useState({ q: search.q ?? '', resource: search.resource ?? '' });
  const change = (part: Partial<Record<keyof AuditSearch, unknown>>) => onChange(auditSearch({ ...search, ...part, cursor: undefined }));
  const later = useDebouncedCallback(change, 250);
  const type = (part: Partial<typeof typed>) => {
    const now = { ...typed, ...part };
    setTyped(now);
    later({ q: now.q.trim(), resource: now.resource.trim() });
  };
  const day = (name: 'from' | 'to', word: string) => (
    <TextInput
      className={classes.day} type="date" aria-label={`${word} this day`} leftSection={<span className={classes.side} aria-hidden>{word}</span>} leftSectionWidth={50}
      value={search[name] ?? ''} onChange={(event) => change({ [name]: event.currentTarget.value })}
    />
  );
  return (
    <div className={classes.filters} role="search" aria-label="Audit log">
      <TextInput
        className={classes.search} type="search" aria-label="Search the audit log" placeholder="Words, names, comments" leftSection={<IconSearch size={16} aria-hidden />} value={typed.q}
        onChange={(event) => type({ q: event.currentTarget.value })}
      />
      <ActorFilter value={search.actor} onChange={(actor) => change({ actor })} />
      <Autocomplete
        className={classes.resource} aria-label="Resource" placeholder="Resource, as proj/*:env/*" data={kinds?.map((kind) => kind.resource) ?? []} value={typed.resource}
        onChange={(resource) => type({ resource })} spellCheck={false} autoComplete="off" clearable clearButtonProps={{ 'aria-label': 'Clear resource' }}
      />
      {day('from', 'From')}
      {day('to', 'To')}
    </div>
  );
}
