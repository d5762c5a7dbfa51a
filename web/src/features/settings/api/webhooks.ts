import { queryOptions, useQueryClient } from '@tanstack/react-query';

import { api } from '@/lib/api/client';
import { answered } from '@/lib/api/data';
import { inEnvironment } from '@/lib/api/environment';
import type { components } from '@/lib/api/schema';
import { useLive } from '@/lib/live/useLive';
import type { Place } from '@/lib/place';

type Schemas = components['schemas'];
export type Webhook = Schemas['Webhook'];
export type Delivery = Schemas['Delivery'];

/** The webhooks, which are the account's. The stream of the environment that is shown tells of them, and when something was missed. */
export function webhooksQuery(place: Place) {
  return queryOptions({
    queryKey: inEnvironment(place, 'webhooks'),
    queryFn: async ({ signal }) => answered(await api.GET('/api/v2/webhooks', { params: { query: { limit: 100 } }, signal })),
  });
}

/** The newest attempts to tell a webhook. */
export function deliveriesQuery(place: Place, webhook: string) {
  return queryOptions({
    queryKey: inEnvironment(place, 'deliveries', webhook),
    queryFn: async ({ signal }) =>
      answered(await api.GET('/api/v2/webhooks/{webhookId}/deliveries', { params: { path: { webhookId: webhook }, query: { limit: 20 } }, signal })),
  });
}

/** Keeps the webhooks, and what came of telling them, as they are. */
export function useWebhooksLive(place: Place) {
  const client = useQueryClient();
  useLive('delivery', ({ webhookId }) => {
    // It may have begun to fail with it, or ceased to.
    for (const { queryKey } of [deliveriesQuery(place, webhookId), webhooksQuery(place)]) void client.invalidateQueries({ queryKey });
  });
  useLive('audit', ({ kinds }) => {
    if (kinds.includes('webhook')) void client.invalidateQueries({ queryKey: webhooksQuery(place).queryKey });
  });
}

/** What a person says of a webhook. */
export interface WebhookDetails {
  name: string;
  url: string;
  on: boolean;
  secret: string;
}

export function detailsOf(webhook: Webhook | undefined): WebhookDetails {
  return { name: webhook?.name ?? '', url: webhook?.url ?? '', on: webhook?.on ?? true, secret: webhook?.secret ?? '' };
}

/** Makes a webhook that is told of everything. Without a secret one is made: nothing goes out unsigned. */
export async function createWebhook({ name, url, on, secret }: WebhookDetails): Promise<Webhook> {
  return answered(await api.POST('/api/v2/webhooks', { body: { name, url, on, sign: true, ...(secret === '' ? {} : { secret }) } }));
}

export async function changeWebhook(webhook: Webhook, details: WebhookDetails): Promise<Webhook> {
  const before = detailsOf(webhook);
  const changes = Object.fromEntries(Object.entries(details).filter(([name, value]) => before[name as keyof WebhookDetails] !== value));
  return answered(await api.PATCH('/api/v2/webhooks/{webhookId}', { params: { path: { webhookId: webhook._id } }, body: { merge: changes } }));
}

export async function deleteWebhook(webhook: Webhook): Promise<void> {
  await api.DELETE('/api/v2/webhooks/{webhookId}', { params: { path: { webhookId: webhook._id } } });
}

/** Sends a webhook a test and says what came of it. */
export async function testWebhook(webhook: Webhook): Promise<Delivery> {
  return answered(await api.POST('/api/v2/webhooks/{webhookId}/test', { params: { path: { webhookId: webhook._id } } }));
}
