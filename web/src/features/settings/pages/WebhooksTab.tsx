import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';

import { ActionButton } from '@/components/ActionButton';
import { DataTable, type Column } from '@/components/DataTable';
import { EmptyState } from '@/components/EmptyState';
import { ErrorState } from '@/components/ErrorState';
import { Panel } from '@/components/Panel';
import { RowName } from '@/components/RowName';
import type { WebhooksSearch } from '@/features/settings/api/search';
import { useWebhooksLive, webhooksQuery, type Webhook } from '@/features/settings/api/webhooks';
import { EditWebhook } from '@/features/settings/components/EditWebhook';
import classes from '@/features/settings/components/Settings.module.css';
import { WebhookState } from '@/features/settings/components/WebhookState';
import { WebhookPanel } from '@/features/settings/components/WebhookPanel';
import { useRefused } from '@/lib/api/permission';
import { usePlace, type Place } from '@/lib/place';

const route = getRouteApi('/shell/projects/$project/environments/$environment/settings/webhooks');

/** Who is told of every change, and what came of telling them. */
export function WebhooksTab() {
  const place = usePlace();
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const { data, error, refetch } = useQuery(webhooksQuery(place));
  useWebhooksLive(place);
  const refused = useRefused('createWebhook', 'webhook/*', 'webhooks');
  const open = data?.items.find((one) => one._id === search.webhook);
  const show = (next: WebhooksSearch) => void navigate({ search: next, resetScroll: false });
  const create = <ActionButton refused={refused} onClick={() => show({ ...search, dialog: 'new' })}>Create webhook</ActionButton>;
  if (error && !data) {
    return <Panel><ErrorState title="Webhooks could not be loaded. They go on being told." error={error} onRetry={() => void refetch()} /></Panel>;
  }
  return (
    <div className={classes.rows}>
      <div className={classes.row}>
        <p className={classes.grow}>A webhook is told of every change in every project, the moment it is made.</p>
        {data && data.items.length > 0 && create}
      </div>
      <DataTable
        label="Webhooks" columns={columnsOf(place)} rows={data?.items} rowKey={(webhook) => webhook._id}
        empty={(
          <EmptyState title="No webhook yet" actions={create}>
            A webhook tells another server of every change: who made it, and what it did.
          </EmptyState>
        )}
      />
      {open && <WebhookPanel key={open._id} place={place} webhook={open} dialog={search.dialog} onSearch={show} />}
      <EditWebhook place={place} opened={search.dialog === 'new'} onClose={() => show({ webhook: search.webhook })} onSaved={(made) => show({ webhook: made._id })} />
    </div>
  );
}

function columnsOf(place: Place): Column<Webhook>[] {
  return [
    {
      key: 'name', label: 'Webhook',
      cell: (webhook) => (
        <RowName under={webhook.url}>
          <Link to="/projects/$project/environments/$environment/settings/webhooks" params={place} search={{ webhook: webhook._id }} resetScroll={false}>
            {webhook.name ?? new URL(webhook.url).host}
          </Link>
        </RowName>
      ),
    },
    { key: 'told', label: 'Told of', priority: 2, cell: (webhook) => (webhook.statements?.length ? 'What its statements select' : 'Everything') },
    { key: 'signed', label: 'Signed', priority: 3, cell: (webhook) => (webhook.secret === undefined ? '–' : 'Yes') },
    { key: 'state', label: 'State', card: 'state', cell: (webhook) => <WebhookState webhook={webhook} /> },
  ];
}

