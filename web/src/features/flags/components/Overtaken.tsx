import { Button } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';

import { Note } from '@/components/Note';
import type { FlagPlace } from '@/features/flags/api/flag';
import { latestChangeQuery, whoOf } from '@/features/flags/api/latestChange';
import classes from '@/features/flags/components/Targeting.module.css';
import { exactTime, longDuration } from '@/lib/time';
import { useAge } from '@/lib/useNow';

/** Says that somebody saved something while it was edited here. The edits stand on top of that. */
export function Overtaken({ at, changes }: { at: FlagPlace; changes: readonly string[] }) {
  const [open, setOpen] = useState(false);
  const { data: entry } = useQuery(latestChangeQuery(at, changes));
  return (
    <Note
      tone="warn" role="status"
      action={<Button variant="subtle" size="compact-sm" aria-expanded={open} onClick={() => setOpen(!open)}>{open ? 'Hide the difference' : 'Show the difference'}</Button>}
    >
      <b>{entry ? <>{whoOf(entry)} changed this <Ago at={entry.date} />.</> : 'Somebody changed this meanwhile.'}</b> Your edits are kept.
      {open && (
        <ul className={classes.differences} aria-label="What was changed meanwhile">
          {changes.map((change) => <li key={change}>{change}</li>)}
          {changes.length === 0 && <li>Nothing that is still different.</li>}
        </ul>
      )}
    </Note>
  );
}

function Ago({ at }: { at: number }) {
  const age = useAge(at);
  return <time dateTime={new Date(at).toISOString()} title={exactTime(at)}>{age < 60_000 ? 'just now' : `${longDuration(age)} ago`}</time>;
}
