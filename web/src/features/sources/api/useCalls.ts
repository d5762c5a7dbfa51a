import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';

import { toolRunsQuery, type Run } from '@/features/sources/api/connect';
import type { Tool } from '@/lib/api/tools';
import type { LiveEvents } from '@/lib/live/events';
import { useLive } from '@/lib/live/useLive';
import type { Place } from '@/lib/place';

/** A call of a tool. The ledger keeps what was taken, and says no status; refused calls are heard while they come. */
export interface Call {
  at: number;
  status?: number;
  message?: string;
  run?: Run;
}

const kept = 20;

/** The newest calls with a token, and those to the tool's address that carried no known one. */
export function useCalls(place: Place, tool: Tool, token: string | undefined): Call[] {
  const heard = useHeard(tool.path, (call) => call.tokenId === token || call.tokenId === undefined);
  const { data: runs = [] } = useQuery({ ...toolRunsQuery(place, tool.key, kept), enabled: token !== undefined });
  return token === undefined ? [] : together(heard, runs, runs.filter((run) => run.actor?._id === token));
}

/** The newest calls of a tool, with whichever token. */
export function useAllCalls(place: Place, key: string, path: string): Call[] {
  const heard = useHeard(path, () => true);
  const { data: runs = [] } = useQuery(toolRunsQuery(place, key, kept));
  return together(heard, runs, runs).slice(0, kept);
}

/** The calls to an address that came while this was shown, as far as they are wanted. */
function useHeard(path: string, wanted: (call: LiveEvents['call']) => boolean) {
  const [heard, setHeard] = useState<LiveEvents['call'][]>([]);
  const [address] = path.split('?');
  useLive('call', (call) => {
    if (call.path !== address || !wanted(call)) return;
    setHeard((before) => [call, ...before].slice(0, 50));
  });
  return heard;
}

/** Calls that were heard and those that only the ledger has, the newest first. */
function together(heard: readonly LiveEvents['call'][], runs: readonly Run[], kept: readonly Run[]): Call[] {
  const known = new Set(heard.map((call) => call.runId));
  return [
    ...heard.map((call) => ({ at: call.at, status: call.status, message: call.message, run: runs.find((run) => run._id === call.runId) })),
    ...kept.filter((run) => !known.has(run._id)).map((run) => ({ at: run.receivedAt, message: run.error, run })),
  ].sort((a, b) => b.at - a.at);
}

/** Whether muster took what the call brought. */
export function accepted(call: Call): boolean {
  return call.status === undefined ? call.run?.state !== 'rejected' : call.status < 300;
}
