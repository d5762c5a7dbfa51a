import { Button, PasswordInput, TextInput } from '@mantine/core';
import { useState, type SyntheticEvent } from 'react';

interface PasswordFormProps {
  busy: boolean;
  onSubmit: (email: string, password: string) => void;
}

export function PasswordForm({ busy, onSubmit }: PasswordFormProps) {
  const [email, setEmail] = useState('');
  const [password, setPassword] = useState('');
  const [tried, setTried] = useState(false);
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    setTried(true);
    if (email.trim() !== '' && password !== '') onSubmit(email.trim(), password);
  };
  return (
    <form onSubmit={submit} noValidate>
      <TextInput
        label="Email" type="email" autoComplete="username" value={email} onChange={(event) => setEmail(event.currentTarget.value)}
        error={tried && email.trim() === '' && 'Type your email address.'} autoFocus
      />
      <PasswordInput
        label="Password" mt={12} autoComplete="current-password" visibilityToggleButtonProps={{ 'aria-label': 'Show what is typed' }}
        value={password} onChange={(event) => setPassword(event.currentTarget.value)} error={tried && password === '' && 'Type your password.'}
      />
      <Button type="submit" fullWidth mt={16} loading={busy}>Sign in</Button>
    </form>
  );
}
