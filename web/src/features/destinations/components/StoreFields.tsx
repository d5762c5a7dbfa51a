import { SimpleGrid, Switch, Textarea, TextInput } from '@mantine/core';
import type { ReactNode } from 'react';

import { missingOf, type Config, type SecretName, type Settings, type SwitchName, type TextName } from '@/features/destinations/api/settings';
import { SecretField } from '@/features/destinations/components/SecretField';
import { TLSFields } from '@/features/destinations/components/TLSFields';
import classes from '@/features/destinations/components/StoreFields.module.css';

export interface FieldsProps {
  settings: Settings;
  /** What the server keeps; empty for a new store. */
  kept: Config;
  /** Somebody tried to go on, so what is missing is said. */
  tried: boolean;
  onChange: (settings: Settings) => void;
}

/** How one part of the settings is shown and edited. */
export function useFields({ settings, kept, tried, onChange }: FieldsProps) {
  const missing = tried ? missingOf(settings) : {};
  const below = { inputWrapperOrder: ['label', 'input', 'error', 'description'] as ['label', 'input', 'error', 'description'] };
  return {
    text: (name: TextName, label: string, description?: ReactNode, placeholder?: string) => (
      <TextInput
        label={label} description={description} placeholder={placeholder} {...below} value={settings.texts[name] ?? ''} error={missing[name]} autoComplete="off" spellCheck={false}
        onChange={(event) => onChange({ ...settings, texts: { ...settings.texts, [name]: event.currentTarget.value } })}
      />
    ),
    area: (name: TextName, label: string, description?: ReactNode) => (
      <Textarea
        label={label} description={description} {...below} value={settings.texts[name] ?? ''} autosize minRows={2} maxRows={6} spellCheck={false}
        onChange={(event) => onChange({ ...settings, texts: { ...settings.texts, [name]: event.currentTarget.value } })}
      />
    ),
    secret: (name: SecretName, label: string, description?: string) => (
      <SecretField
        label={label} kept={kept[name] !== undefined} value={settings.secrets[name]} description={description}
        onChange={(value) => onChange({ ...settings, secrets: { ...settings.secrets, [name]: value } })}
      />
    ),
    toggle: (name: SwitchName, label: string, description?: string) => (
      <Switch
        label={label} description={description} checked={settings.switches[name] ?? false}
        onChange={(event) => onChange({ ...settings, switches: { ...settings.switches, [name]: event.currentTarget.checked } })}
      />
    ),
  };
}

/** The fields of a store, by its kind. */
export function StoreFields(props: FieldsProps) {
  const { settings, onChange } = props;
  return (
    <div className={classes.fields}>
      <TextInput
        label="Name" value={settings.name} placeholder={settings.kind === 'dynamodb' ? 'DynamoDB' : 'Redis'} data-autofocus
        onChange={(event) => onChange({ ...settings, name: event.currentTarget.value })}
      />
      {settings.kind === 'dynamodb' ? <DynamoDBFields {...props} /> : <RedisFields {...props} />}
      <WritingFields {...props} />
    </div>
  );
}

function RedisFields(props: FieldsProps) {
  const { settings, onChange } = props;
  const { text, secret } = useFields(props);
  const sentinel = settings.kind === 'sentinel';
  return (
    <>
      <div className={classes.address}>
        {text('host', sentinel ? 'Host of a Sentinel' : settings.kind === 'cluster' ? 'Host of a node' : 'Host', undefined, 'redis.internal')}
        {text('port', 'Port')}
      </div>
      {settings.kind !== 'redis' && (
        <Textarea
          label={sentinel ? 'Other Sentinels' : 'Other nodes'} description="host:port, one a line. The rest is found by asking these." inputWrapperOrder={['label', 'input', 'error', 'description']}
          value={settings.nodes} autosize minRows={2} maxRows={6} spellCheck={false} onChange={(event) => onChange({ ...settings, nodes: event.currentTarget.value })}
        />
      )}
      {sentinel && text('sentinelMaster', 'Name of the master', 'As the Sentinels know it.', 'mymaster')}
      <SimpleGrid cols={{ base: 1, xs: 2 }} spacing={12} verticalSpacing={14}>
        {text('username', 'User', 'Empty for the default user.')}
        {secret('password', 'Password')}
        {sentinel && text('sentinelUsername', 'User of the Sentinels')}
        {sentinel && secret('sentinelPassword', 'Password of the Sentinels')}
      </SimpleGrid>
      <TLSFields {...props} />
      {settings.kind !== 'cluster' && text('db', 'Database', 'A number; 0 if empty.', '0')}
    </>
  );
}

function DynamoDBFields(props: FieldsProps) {
  const { text, secret, toggle } = useFields(props);
  return (
    <>
      {text('tableName', 'Table')}
      {toggle('createTable', 'Create the table if it is missing', 'With on-demand billing.')}
      {text('region', 'Region', undefined, 'eu-central-1')}
      <SimpleGrid cols={{ base: 1, xs: 2 }} spacing={12} verticalSpacing={14}>
        {text('accessKeyId', 'Access key id', 'Empty for what the server has.')}
        {secret('secretAccessKey', 'Secret access key')}
        {text('roleArn', 'Role to take on', 'An ARN; empty for none.')}
        {text('externalId', 'External id of the role')}
      </SimpleGrid>
      {text('endpoint', 'Endpoint', 'Empty for that of the region.', 'http://127.0.0.1:8000')}
    </>
  );
}

function WritingFields(props: FieldsProps) {
  const { text, toggle } = useFields(props);
  return (
    <>
      {text('prefix', 'Prefix', 'Give SDKs the same. Empty for the client-side ID of the environment.')}
      {toggle('daemonMode', 'Daemon mode', 'Write definitions of flags and segments too, for SDKs that read nothing else.')}
      {text('membersPerSecond', 'Members a second, at most', 'For a store that others use too. Empty for as many as it takes.')}
    </>
  );
}
