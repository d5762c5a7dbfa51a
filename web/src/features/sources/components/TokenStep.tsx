import { Button } from '@mantine/core';
import { useMutation, useQuery } from '@tanstack/react-query';

import { CodeBlock } from '@/components/CodeBlock';
import { Note } from '@/components/Note';
import { createToken, tokenQuery, type Token } from '@/features/sources/api/connect';
import classes from '@/features/sources/components/Source.module.css';
import { Step } from '@/features/sources/components/Steps';
import type { Tool } from '@/lib/api/tools';
import type { Place } from '@/lib/place';
import { sentence } from '@/lib/sentence';
import { exactTime } from '@/lib/time';

interface TokenStepProps {
  place: Place;
  environment: string;
  tool: Tool;
  /** The id of the token that was made, if one was. */
  token: string | undefined;
  /** Its text, for as long as this page is open. */
  secret: string | undefined;
  onToken: (token: Token) => void;
}

/** Makes the token that the tool will send. */
export function TokenStep({ place, environment, tool, token, secret, onToken }: TokenStepProps) {
  const { data: made } = useQuery({ ...tokenQuery(token ?? ''), enabled: token !== undefined && secret === undefined });
  const create = useMutation({ mutationFn: () => createToken(place, tool), onSuccess: onToken });
  return (
    <Step title="Access token" state={token === undefined ? 'on' : 'done'}>
      <p>It can create segments and add or remove their members in {environment}, and nothing else.</p>
      {secret !== undefined && (
        <>
          <CodeBlock label="Shown once" code={secret} secret={secret} copyLabel="Copy token" copyNext />
          <p className={classes.small}>Copy it now. It will not be shown again.</p>
        </>
      )}
      {token !== undefined && secret === undefined && (
        <p>{made ? `“${made.name ?? made._id}” was made at ${exactTime(made.creationDate)}.` : 'A token was made.'} Its text was shown once.</p>
      )}
      {create.error && <Note tone="bad" role="alert">{sentence(create.error.message)}</Note>}
      {secret === undefined && (
        <div>
          <Button variant={token === undefined ? 'filled' : 'default'} loading={create.isPending} onClick={() => create.mutate()}>
            {token === undefined ? 'Create token' : 'Create another token'}
          </Button>
        </div>
      )}
    </Step>
  );
}
