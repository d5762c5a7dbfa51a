import { Button, Group, Modal, PasswordInput, Switch, TextInput } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState, type SyntheticEvent } from 'react';

import { Note } from '@/components/Note';
import { changeWebhook, createWebhook, detailsOf, webhooksQuery, type Webhook, type WebhookDetails } from '@/features/settings/api/webhooks';
import classes from '@/features/settings/components/Settings.module.css';
import type { Place } from '@/lib/place';
import { sentence } from '@/lib/sentence';
import { toast } from '@/lib/toast';

interface EditWebhookProps {
  place: Place;
  /** Absent: a new one. */
  webhook?: Webhook;
  opened: boolean;
  onClose: () => void;
  onSaved: (webhook: Webhook) => void;
}

/** Makes a webhook, or changes one. */
export function EditWebhook({ opened, ...form }: EditWebhookProps) {
  return (
    <Modal opened={opened} onClose={form.onClose} title={form.webhook ? 'Edit the webhook' : 'Create a webhook'} size={520} radius={12} closeButtonProps={{ 'aria-label': 'Close' }}>
      <WebhookForm {...form} />
    </Modal>
  );
}

const below = ['label', 'input', 'error', 'description'] as const;

function WebhookForm({ place, webhook, onClose, onSaved }: Omit<EditWebhookProps, 'opened'>) {
  const client = useQueryClient();
  const [details, setDetails] = useState<WebhookDetails>(() => detailsOf(webhook));
  const [tried, setTried] = useState(false);
  const edit = (change: Partial<WebhookDetails>) => setDetails({ ...details, ...change });
  const wrong = /^https?:\/\/\S+$/.test(details.url) ? undefined : 'Type an address that begins with https:// or http://.';
  const save = useMutation({
    mutationFn: () => (webhook ? changeWebhook(webhook, details) : createWebhook(details)),
    onSuccess: async (saved) => {
      await client.invalidateQueries({ queryKey: webhooksQuery(place).queryKey });
      toast(webhook ? `Saved the webhook ${saved.name ?? saved.url}.` : `Created the webhook ${saved.name ?? saved.url}. It is told of the next change.`);
      onSaved(saved);
    },
  });
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    setTried(true);
    if (wrong === undefined) save.mutate();
  };
  return (
    <form onSubmit={submit} noValidate className={classes.fields}>
      {save.error && <Note tone="bad" role="alert">{sentence(save.error.message)}</Note>}
      <TextInput label="Name" value={details.name} onChange={(event) => edit({ name: event.currentTarget.value })} maxLength={256} data-autofocus />
      <TextInput
        label="URL" type="url" value={details.url} onChange={(event) => edit({ url: event.currentTarget.value.trim() })} spellCheck={false} error={tried && wrong}
        description="Each change is sent to it with POST, as JSON." inputWrapperOrder={[...below]}
      />
      <PasswordInput
        label="Secret" value={details.secret} onChange={(event) => edit({ secret: event.currentTarget.value })} autoComplete="off" inputWrapperOrder={[...below]}
        visibilityToggleButtonProps={{ 'aria-label': 'Show what is typed' }}
        description={webhook ? 'Deliveries are signed with it. Another one counts from the next delivery on.' : 'Deliveries are signed with it. One is made if this stays empty.'}
      />
      <Switch label="On" checked={details.on} onChange={(event) => edit({ on: event.currentTarget.checked })} description="What happens while it is off is not sent later." />
      <Group justify="flex-end" gap={8}>
        <Button variant="default" onClick={onClose}>Cancel</Button>
        <Button type="submit" loading={save.isPending}>{webhook ? 'Save' : 'Create'}</Button>
      </Group>
    </form>
  );
}
