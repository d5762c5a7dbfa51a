import { queryOptions } from '@tanstack/react-query';

import { api } from '@/lib/api/client';
import { answered } from '@/lib/api/data';
import { inEnvironment } from '@/lib/api/environment';
import type { components } from '@/lib/api/schema';
import { atPlace, type Place } from '@/lib/place';

type Schemas = components['schemas'];
export type Sink = Schemas['Sink'];
export type SinkState = Schemas['SinkState'];
export type Verification = Schemas['Verification'];
export type Tried = Schemas['TriedSink'];
export type SinkKind = 'redis' | 'dynamodb';

/** One persistent store of an environment. */
export interface SinkPlace extends Place {
  kind: SinkKind;
  id: string;
}

/** What creates a store. */
export interface NewSink {
  name: string;
  on: boolean;
  config: Record<string, unknown>;
}

const header = { 'LD-API-Version': 'beta' } as const;

function atKind(place: Place, kind: SinkKind) {
  return { ...atPlace(place), integrationKey: kind };
}

function atSink(at: SinkPlace) {
  return { ...atKind(at, at.kind), integrationId: at.id };
}

/** The stores of an environment, as they are set up but without their config. */
export function sinksQuery(place: Place) {
  return queryOptions({
    queryKey: inEnvironment(place, 'sinks'),
    queryFn: async ({ signal }) => {
      const { items } = answered(await api.GET('/api/v2/integration-capabilities/big-segment-store', { params: { header }, signal }));
      return items.filter((sink) => sink.projectKey === place.project && sink.environmentKey === place.environment);
    },
  });
}

/** One store with its config, whose secrets are masked. */
export function sinkQuery(at: SinkPlace) {
  return queryOptions({
    queryKey: inEnvironment(at, 'sink', at.id, 'settings'),
    queryFn: async ({ signal }) =>
      answered(await api.GET('/api/v2/integration-capabilities/big-segment-store/{projectKey}/{environmentKey}/{integrationKey}/{integrationId}', {
        params: { path: atSink(at), header }, signal,
      })),
  });
}

/** How many segments stand on a page. */
export const segmentsOnPage = 50;

/** How a store is doing, with a page of its segments. */
export function sinkStateQuery(at: SinkPlace, page: number) {
  return queryOptions({
    queryKey: inEnvironment(at, 'sink', at.id, 'state', page),
    queryFn: async ({ signal }) =>
      answered(await api.GET('/api/v2/integration-capabilities/big-segment-store/{projectKey}/{environmentKey}/{integrationKey}/{integrationId}/status', {
        params: { path: atSink(at), query: { limit: segmentsOnPage, offset: (page - 1) * segmentsOnPage } }, signal,
      })),
  });
}

export async function createSink(place: Place, kind: SinkKind, sink: NewSink): Promise<Sink> {
  return answered(await api.POST('/api/v2/integration-capabilities/big-segment-store/{projectKey}/{environmentKey}/{integrationKey}', {
    params: { path: atKind(place, kind), header }, body: sink,
  }));
}

/** Finds out whether a store would work; nothing is kept. */
export async function tryNewSink(place: Place, kind: SinkKind, sink: NewSink): Promise<Tried> {
  return answered(await api.POST('/api/v2/integration-capabilities/big-segment-store/{projectKey}/{environmentKey}/{integrationKey}/test', {
    params: { path: atKind(place, kind) }, body: sink,
  }));
}

/** Finds out whether a store works, as it is kept or with another config. */
export async function trySink(at: SinkPlace, config?: Record<string, unknown>): Promise<Tried> {
  return answered(await api.POST('/api/v2/integration-capabilities/big-segment-store/{projectKey}/{environmentKey}/{integrationKey}/{integrationId}/test', {
    params: { path: atSink(at) }, body: config ? { config } : {},
  }));
}

/** Changes a store, but only over the version that was edited: if somebody else changed it first, the answer is 409. */
export async function changeSink(at: SinkPlace, version: number, change: Partial<NewSink>): Promise<Sink> {
  return answered(await api.PATCH('/api/v2/integration-capabilities/big-segment-store/{projectKey}/{environmentKey}/{integrationKey}/{integrationId}', {
    params: { path: atSink(at), header },
    body: [
      { op: 'test', path: '/version', value: version },
      ...Object.entries(change).map(([name, value]) => ({ op: 'replace' as const, path: `/${name}`, value })),
    ],
  }));
}

export async function deleteSink(at: SinkPlace): Promise<void> {
  await api.DELETE('/api/v2/integration-capabilities/big-segment-store/{projectKey}/{environmentKey}/{integrationKey}/{integrationId}', { params: { path: atSink(at), header } });
}

/** Compares a sample with the truth, or everybody and puts right what differs. */
export async function verifySink(at: SinkPlace, repairAll: boolean): Promise<SinkState> {
  return answered(await api.POST('/api/v2/integration-capabilities/big-segment-store/{projectKey}/{environmentKey}/{integrationKey}/{integrationId}/verify', {
    params: { path: atSink(at) }, body: { full: repairAll, repair: repairAll },
  }));
}

/** Writes everybody once more; takeOver also takes a store that somebody else kept. */
export async function rebuildSink(at: SinkPlace, takeOver: boolean): Promise<SinkState> {
  return answered(await api.POST('/api/v2/integration-capabilities/big-segment-store/{projectKey}/{environmentKey}/{integrationKey}/{integrationId}/rebuild', {
    params: { path: atSink(at) }, body: { takeOver },
  }));
}

export async function pauseSink(at: SinkPlace, paused: boolean): Promise<SinkState> {
  const params = { path: atSink(at) };
  return answered(paused
    ? await api.POST('/api/v2/integration-capabilities/big-segment-store/{projectKey}/{environmentKey}/{integrationKey}/{integrationId}/pause', { params })
    : await api.POST('/api/v2/integration-capabilities/big-segment-store/{projectKey}/{environmentKey}/{integrationKey}/{integrationId}/resume', { params }));
}
