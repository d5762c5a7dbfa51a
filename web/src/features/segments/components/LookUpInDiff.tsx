import { Button, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';

import { ErrorState } from '@/components/ErrorState';
import { heldContextQuery, type Run } from '@/features/segments/api/runs';
import type { SegmentPlace } from '@/features/segments/api/segment';
import classes from '@/features/segments/components/HeldDiff.module.css';
import { fateOf } from '@/features/segments/components/runWords';

/** Says of one key whether it would join, leave or stay if a held sync were released. */
export function LookUpInDiff({ at, run }: { at: SegmentPlace; run: Run }) {
  const [key, setKey] = useState('');
  const [asked, ask] = useState('');
  const { data, error, refetch } = useQuery({ ...heldContextQuery(at, run._id, asked), enabled: asked !== '' });
  return (
    <form
      className={classes.lookUp} role="search" aria-label="Look up one key in it"
      onSubmit={(event) => {
        event.preventDefault();
        if (key !== '' && key === asked) void refetch();
        else ask(key);
      }}
    >
      <div className={classes.field}>
        <TextInput
          className={classes.key} label="Look up one key in it" placeholder="The exact key" value={key} onChange={(event) => setKey(event.currentTarget.value)}
          spellCheck={false} autoComplete="off" maxLength={2048}
        />
        <Button type="submit" variant="default">Look up</Button>
      </div>
      <div role="status" className={classes.answer}>
        {data && data.key === asked && <><code title={data.key}>{data.key}</code> {fateOf(data)}</>}
      </div>
      {error && <ErrorState title="This key could not be looked up." error={error} onRetry={() => void refetch()} />}
    </form>
  );
}
