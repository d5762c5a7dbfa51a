import { Button } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';

import { ActionButton } from '@/components/ActionButton';
import { Note } from '@/components/Note';
import { deleteSegment, sendTest, testSegment } from '@/features/sources/api/connect';
import { authorization, curl, testName, testSync, type Values } from '@/features/sources/api/guide';
import classes from '@/features/sources/components/Source.module.css';
import { inEnvironment } from '@/lib/api/environment';
import type { Tool } from '@/lib/api/tools';
import type { Place } from '@/lib/place';
import { sentence } from '@/lib/sentence';
import { toast } from '@/lib/toast';
import { useCopy } from '@/lib/useCopy';

interface TestSyncProps {
  place: Place;
  tool: Tool;
  values: Values;
  address: string;
  secret: string | undefined;
}

/** Calls muster as the tool would, for a segment of the test's own that deletes itself, or is deleted at once. */
export function TestSync({ place, tool, values, address, secret }: TestSyncProps) {
  const client = useQueryClient();
  const { copied, copy } = useCopy();
  const [test] = useState(() => testSync(tool, values, window.location.href));
  const send = useMutation({
    mutationFn: async (token: string) => {
      if (!test) return undefined;
      await sendTest(address, authorization(tool, token), test);
      return testSegment(place, test.cohort);
    },
  });
  const remove = useMutation({
    mutationFn: (segment: string) => deleteSegment(place, segment),
    onSuccess: async () => {
      send.reset();
      toast(`Deleted the segment “${testName(tool)}”.`);
      await client.invalidateQueries({ queryKey: inEnvironment(place, 'segments') });
    },
  });
  if (!test) return null;
  const refused = secret === undefined ? 'The text of a token is shown once. Create a token in step 2 to test it.' : undefined;
  const error = send.error ?? remove.error;
  return (
    <>
      <div className={classes.row}>
        <ActionButton variant="default" refused={refused} loading={send.isPending} onClick={() => secret !== undefined && send.mutate(secret)}>Send a test sync</ActionButton>
        <ActionButton variant="subtle" refused={refused} onClick={() => secret !== undefined && copy(curl(address, authorization(tool, secret), test.body))}>
          {copied ? 'Copied' : 'Copy as curl'}
        </ActionButton>
      </div>
      <p className={classes.small}>Either goes to a segment of its own, named “{testName(tool)}”, that deletes itself after an hour.</p>
      {error && <Note tone="bad" role="alert">{sentence(error.message)}</Note>}
      {send.data !== undefined && (
        <Note tone="info" role="status">
          <p>The test made the segment <b>{testName(tool)}</b>.</p>
          <Button mt={8} variant="default" size="compact-sm" loading={remove.isPending} onClick={() => send.data !== undefined && remove.mutate(send.data)}>Delete the test segment</Button>
        </Note>
      )}
    </>
  );
}
