import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';

import { ActionButton } from '@/components/ActionButton';
import { CodeBlock } from '@/components/CodeBlock';
import { ConfirmDialog } from '@/components/ConfirmDialog';
import { DataTable } from '@/components/DataTable';
import { EmptyState } from '@/components/EmptyState';
import { ErrorState } from '@/components/ErrorState';
import { Note } from '@/components/Note';
import { Panel } from '@/components/Panel';
import type { WebhooksSearch } from '@/features/settings/api/search';
import { deleteWebhook, deliveriesQuery, testWebhook, webhooksQuery, type Webhook } from '@/features/settings/api/webhooks';
import { deliveryColumns, deliveryWords } from '@/features/settings/components/deliveryColumns';
import { EditWebhook } from '@/features/settings/components/EditWebhook';
import classes from '@/features/settings/components/Settings.module.css';
import { tagged, useRefused } from '@/lib/api/permission';
import type { Place } from '@/lib/place';
import { sentence } from '@/lib/sentence';
import { toast } from '@/lib/toast';

interface WebhookPanelProps {
  place: Place;
  webhook: Webhook;
  dialog: WebhooksSearch['dialog'];
  onSearch: (search: WebhooksSearch) => void;
}

/** One webhook: where it goes, its secret, and the last deliveries. */
export function WebhookPanel({ place, webhook, dialog, onSearch }: WebhookPanelProps) {
  const client = useQueryClient();
  const deliveries = useQuery(deliveriesQuery(place, webhook._id));
  const resource = tagged(`webhook/${webhook._id}`, webhook.tags);
  const refused = {
    test: useRefused('updateOn', resource, 'this webhook'), edit: useRefused('updateUrl', resource, 'this webhook'), remove: useRefused('deleteWebhook', resource, 'this webhook'),
  };
  const name = webhook.name ?? webhook.url;
  const again = () => void client.invalidateQueries({ queryKey: deliveriesQuery(place, webhook._id).queryKey });
  const test = useMutation({ mutationFn: () => testWebhook(webhook), onSettled: again });
  const remove = useMutation({
    mutationFn: () => deleteWebhook(webhook),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: webhooksQuery(place).queryKey, exact: true });
      toast(`Deleted the webhook ${name}.`);
      onSearch({});
    },
  });
  const close = () => onSearch({ webhook: webhook._id });
  return (
    <Panel
      title={name}
      actions={(
        <>
          <ActionButton variant="default" size="compact-md" refused={refused.edit} onClick={() => onSearch({ webhook: webhook._id, dialog: 'edit' })}>Edit</ActionButton>
          <ActionButton variant="default" size="compact-md" refused={refused.remove} onClick={() => onSearch({ webhook: webhook._id, dialog: 'delete' })}>Delete…</ActionButton>
          <ActionButton size="compact-md" refused={refused.test} loading={test.isPending} onClick={() => test.mutate()}>Send test</ActionButton>
        </>
      )}
    >
      <div className={classes.rows}>
        {webhook.problem !== undefined && <Note tone="bad">{sentence(webhook.problem)}</Note>}
        {test.error && <Note tone="bad" role="alert">{sentence(test.error.message)}</Note>}
        {test.data && (
          <Note tone={test.data.state === 'delivered' ? 'ok' : 'bad'} role="status">
            <b>{test.data.state === 'delivered' ? 'The test was delivered.' : 'The test was not delivered.'}</b> {deliveryWords(test.data)}
          </Note>
        )}
        <CodeBlock label="URL" code={webhook.url} copyLabel="Copy URL" />
        {webhook.secret === undefined
          ? <Note tone="warn">Deliveries are not signed: the receiver cannot tell them from forged ones. Edit the webhook to give it a secret.</Note>
          : <CodeBlock label="Secret" code={webhook.secret} secret={webhook.secret} copyLabel="Copy secret" />}
        <h3>Last deliveries</h3>
        {deliveries.error && !deliveries.data
          ? <ErrorState title="The last deliveries could not be loaded. It goes on being told." error={deliveries.error} onRetry={again} />
          : (
              <DataTable
                label="Last deliveries" columns={deliveryColumns} rows={deliveries.data?.items} rowKey={(one) => `${one.entryId} ${one.date}`}
                empty={<EmptyState title="Nothing was sent yet">It is told of the next change, or of a test now.</EmptyState>}
              />
            )}
      </div>
      <EditWebhook place={place} webhook={webhook} opened={dialog === 'edit'} onClose={close} onSaved={close} />
      <ConfirmDialog
        opened={dialog === 'delete'} onClose={close} title={`Delete the webhook ${name}?`} confirm="Delete webhook" danger typed={name}
        onConfirm={() => remove.mutate()} busy={remove.isPending} error={remove.error}
      >
        <p>{new URL(webhook.url).host} is told of nothing any more. What was not delivered yet is dropped, and its secret is gone.</p>
      </ConfirmDialog>
    </Panel>
  );
}
