import { Button, PasswordInput, TextInput } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, useNavigate } from '@tanstack/react-router';
import { useEffect, useState, type SyntheticEvent } from 'react';

import { Note } from '@/components/Note';
import { createOwner, firstRunQuery, sessionQuery } from '@/features/session/api/session';
import { AuthFrame } from '@/features/session/components/AuthFrame';
import { ApiError } from '@/lib/api/error';
import { sentence } from '@/lib/sentence';

const shortestPassword = 12;

/** Makes the first account member of a server that has none. */
export function FirstRunPage() {
  const navigate = useNavigate();
  const client = useQueryClient();
  const { data: firstRun } = useQuery(firstRunQuery);
  const [owner, setOwner] = useState(() => ({ name: '', email: '', password: '', code: codeOfAddress() }));
  const [tried, setTried] = useState(false);
  const create = useMutation({
    mutationFn: async () => {
      await createOwner({ ...owner, name: owner.name.trim(), email: owner.email.trim(), code: owner.code.trim() });
      client.removeQueries({ queryKey: firstRunQuery.queryKey });
      await client.query({ ...sessionQuery, staleTime: 0 });
    },
    onSuccess: () => navigate({ to: '/' }),
  });
  useEffect(() => {
    document.title = 'Set up muster';
  }, []);

  if (firstRun?.open === false && create.isIdle) return <AuthFrame title="Set up muster"><AlreadySetUp /></AuthFrame>;
  const wrong = {
    name: owner.name.trim() === '' && 'Type your name.',
    email: !/^\S+@\S+$/.test(owner.email.trim()) && 'Type an email address, as ana@example.org.',
    password: owner.password.length < shortestPassword && `At least ${shortestPassword} characters.`,
    code: owner.code.trim() === '' && 'Type the code from the server’s log.',
  };
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    setTried(true);
    if (!wrong.name && !wrong.email && !wrong.password && !wrong.code) create.mutate();
  };
  const field = (name: keyof typeof owner) => ({
    value: owner[name],
    onChange: (event: { currentTarget: { value: string } }) => {
      const { value } = event.currentTarget;
      setOwner((before) => ({ ...before, [name]: value }));
    },
    error: tried && wrong[name],
  });
  return (
    <AuthFrame title="Set up muster" about="The owner may do everything and invites the others.">
      {create.error && <Refused error={create.error} />}
      <form onSubmit={submit} noValidate>
        <TextInput label="Your name" autoComplete="name" autoFocus {...field('name')} />
        <TextInput label="Email" type="email" autoComplete="username" mt={12} {...field('email')} />
        <PasswordInput
          label="Password" autoComplete="new-password" mt={12} description={tried && wrong.password ? undefined : `${shortestPassword} characters or more`}
          inputWrapperOrder={['label', 'input', 'error', 'description']} visibilityToggleButtonProps={{ 'aria-label': 'Show what is typed' }}
          {...field('password')}
        />
        <TextInput
          label="Set-up code" mt={12} description="In the server’s log, from when it started. An administrator’s token does too." spellCheck={false} autoComplete="off"
          inputWrapperOrder={['label', 'input', 'error', 'description']} {...field('code')}
        />
        <Button type="submit" fullWidth mt={16} loading={create.isPending}>Create the owner account</Button>
      </form>
    </AuthFrame>
  );
}

/** The server's log has the code as the fragment of an address, which browsers keep to themselves. */
function codeOfAddress(): string {
  return /^#code=([\w-]+)$/.exec(window.location.hash)?.[1] ?? '';
}

function AlreadySetUp() {
  return (
    <Note tone="bad" role="alert">
      <b>This server is already set up.</b> <Link to="/sign-in">Sign in instead.</Link>
    </Note>
  );
}

function Refused({ error }: { error: Error }) {
  if (error instanceof ApiError && (error.status === 404 || error.status === 409)) {
    return <AlreadySetUp />;
  }
  return <Note tone="bad" role="alert"><b>{sentence(error.message)}</b></Note>;
}
