import { Button, PasswordInput, TextInput } from '@mantine/core';

interface SecretFieldProps {
  label: string;
  /** The server keeps one. */
  kept: boolean;
  /** What was typed; undefined: nothing, so that what is kept stays. */
  value: string | undefined;
  onChange: (value: string | undefined) => void;
  description?: string;
}

/** A secret: one that is kept is never shown, and stays unless somebody changes it. */
export function SecretField({ label, kept, value, onChange, description = 'Stored encrypted.' }: SecretFieldProps) {
  if (kept && value === undefined) {
    return (
      <TextInput
        label={label} value="••••••••" readOnly description={`${description} Kept unless you change it.`} inputWrapperOrder={['label', 'input', 'error', 'description']}
        rightSectionWidth={78} rightSection={<Button variant="subtle" size="compact-sm" aria-label={`Change ${label.toLowerCase()}`} onClick={() => onChange('')}>Change</Button>}
      />
    );
  }
  return (
    <PasswordInput
      label={label} value={value ?? ''} autoComplete="new-password" spellCheck={false} data-autofocus={kept || undefined}
      description={kept ? <>{description} Empty removes it. <Button variant="subtle" size="compact-xs" onClick={() => onChange(undefined)}>Keep the old one</Button></> : description}
      inputWrapperOrder={['label', 'input', 'error', 'description']} onChange={(event) => onChange(event.currentTarget.value)}
    />
  );
}
