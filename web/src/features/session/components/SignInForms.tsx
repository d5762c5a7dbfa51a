import { Button, Divider } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';

import { Note } from '@/components/Note';
import { refusalOf, refusedToken, type Refusal } from '@/features/session/api/refusal';
import { sessionQuery, signIn, type Credentials } from '@/features/session/api/session';
import { PasswordForm } from '@/features/session/components/PasswordForm';
import { TokenForm } from '@/features/session/components/TokenForm';

/** The two ways to sign in: by token, which is shown first, and by email and password. */
export function SignInForms({ onSignedIn }: { onSignedIn: () => void }) {
  const client = useQueryClient();
  const [way, setWay] = useState<'token' | 'password'>('token');
  const [refused, refuse] = useState<Refusal>();
  const enter = useMutation({
    mutationFn: async (credentials: Credentials) => {
      await signIn(credentials);
      await client.query({ ...sessionQuery, staleTime: 0 });
    },
    onSuccess: onSignedIn,
    onError: (error) => refuse(refusalOf(error, way)),
  });
  const submit = (credentials: Credentials) => {
    const wrong = 'token' in credentials ? refusedToken(credentials.token) : undefined;
    refuse(wrong);
    if (!wrong) enter.mutate(credentials);
  };
  return (
    <>
      {refused && (
        <Note tone="bad" role="alert">
          <b>{refused.title}</b> {refused.help}
        </Note>
      )}
      {way === 'token'
        ? <TokenForm busy={enter.isPending} onSubmit={(token) => submit({ token })} />
        : <PasswordForm busy={enter.isPending} onSubmit={(email, password) => submit({ email, password })} />}
      <Divider label="or" />
      <Button
        variant="default" fullWidth
        onClick={() => {
          refuse(undefined);
          setWay(way === 'token' ? 'password' : 'token');
        }}
      >
        {way === 'token' ? 'Sign in with email and password' : 'Sign in with an access token'}
      </Button>
    </>
  );
}
