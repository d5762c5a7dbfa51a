import type { components } from '@/lib/api/schema';

type Schemas = components['schemas'];

/** The events of an environment's activity stream by name. */
export interface LiveEvents {
  run: Schemas['Run'];
  segment: { key: string; members: number; state: string; freshAt?: number; revision?: number; generationMove?: Schemas['Turn'] };
  follower: Schemas['Follower'] & { gone?: boolean };
  call: { at: number; path: string; tool?: string; status: number; message?: string; tokenId?: string; runId?: string };
  export: { id: string; segmentKey: string; status: string };
  catalog: { kind: string; key: string; version?: number; deleted?: boolean };
  head: { revision: number; time: number };
  audit: { date: number; kinds: string[] };
  delivery: { webhookId: string; date: number };
}

export const liveNames = ['run', 'segment', 'follower', 'call', 'export', 'catalog', 'head', 'audit', 'delivery'] as const satisfies readonly (keyof LiveEvents)[];

/** One event as it goes from tab to tab. */
export type LiveEvent = { [Name in keyof LiveEvents]: { name: Name; data: LiveEvents[Name] } }[keyof LiveEvents];

export type LiveState = 'connecting' | 'connected' | 'reconnecting';
