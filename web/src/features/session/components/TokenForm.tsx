import { Button, PasswordInput } from '@mantine/core';
import { useState, type SyntheticEvent } from 'react';

interface TokenFormProps {
  busy: boolean;
  onSubmit: (token: string) => void;
}

export function TokenForm({ busy, onSubmit }: TokenFormProps) {
  const [token, setToken] = useState('');
  const [missing, setMissing] = useState(false);
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    setMissing(token.trim() === '');
    if (token.trim() !== '') onSubmit(token.trim());
  };
  return (
    <form onSubmit={submit} noValidate>
      <PasswordInput
        label="Access token" description="Stays in this browser as a session. The token itself is not stored."
        inputWrapperOrder={['label', 'input', 'error', 'description']} visibilityToggleButtonProps={{ 'aria-label': 'Show what is typed' }}
        value={token} onChange={(event) => setToken(event.currentTarget.value)} error={missing && 'Paste an access token.'}
        autoComplete="current-password" spellCheck={false} autoFocus
      />
      <Button type="submit" fullWidth mt={16} loading={busy}>Sign in</Button>
    </form>
  );
}
