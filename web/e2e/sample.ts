import type { Server } from './server';
import { expect, type Place } from './test';

/** Pushes members of a cohort as a tool does. */
export async function push(server: Server, place: Place, cohort: string, name: string, change: { add?: string[]; remove?: string[] }) {
  const { _id } = await server.api<{ _id: string }>('GET', `/projects/${place.project}/environments/${place.environment}`);
  const list = (keys: string[] = []) => keys.map((id) => ({ id }));
  await server.api('POST', '/segment-targets/rudderstack', {
    environmentId: _id, cohortId: cohort, cohortName: name, listData: { add: list(change.add), remove: list(change.remove) },
  });
}

/** Pushes one page of all members of a cohort, as Mixpanel does: with the last one they replace those of the segment. */
export async function pushPage(server: Server, place: Place, cohort: string, name: string, page: { keys: string[]; number: number; of: number; session: string }) {
  const { _id } = await server.api<{ _id: string }>('GET', `/projects/${place.project}/environments/${place.environment}`);
  await server.api('POST', `/segment-targets/mixpanel?environmentId=${_id}`, {
    action: 'members',
    parameters: {
      mixpanel_cohort_id: cohort, mixpanel_cohort_name: name, mixpanel_session_id: page.session,
      page_info: { page_count: page.number, total_pages: page.of }, members: page.keys.map((mixpanel_distinct_id) => ({ mixpanel_distinct_id })),
    },
  });
}

export function keysOf(count: number, from = 0): string[] {
  return Array.from({ length: count }, (_, i) => `user-${String(from + i).padStart(6, '0')}@example.org`);
}

/** Makes a segment whose members are added by hand. */
export async function segment(server: Server, place: Place, key: string, name: string, members: string[] = [], tags: string[] = []) {
  const at = `/segments/${place.project}/${place.environment}`;
  await server.api('POST', at, { key, name, tags, unbounded: true, unboundedContextKind: 'user' });
  if (members.length > 0) await server.api('POST', `${at}/${key}/contexts`, { included: { add: members, remove: [] } });
}

/** Uploads a list that replaces the members, also over a tool's if that is asked for, and waits until they are published. */
export async function replace(server: Server, place: Place, key: string, members: readonly string[], { override = false } = {}) {
  const imports = `/segments/${place.project}/${place.environment}/${key}/imports`;
  const complete = async () => {
    const { items } = await server.api<{ items: { status: string }[] }>('GET', imports);
    return items.filter((item) => item.status === 'complete').length;
  };
  const before = await complete();
  await server.api('POST', `${imports}?mode=replace&override=${override}`, `key\n${members.join('\n')}\n`, { 'Content-Type': 'text/csv' });
  await expect.poll(complete).toBe(before + 1);
}

/** Reports evaluations as a server-side SDK does. */
export async function report(server: Server, place: Place, flag: string, counts: number[]) {
  const { apiKey } = await server.api<{ apiKey: string }>('GET', `/projects/${place.project}/environments/${place.environment}`);
  const now = Date.now();
  const counters = counts.map((count, variation) => ({ variation, count, version: 1, value: null }));
  const response = await fetch(`${server.url}/bulk`, {
    method: 'POST', headers: { 'Authorization': apiKey, 'Content-Type': 'application/json', 'User-Agent': 'GoClient/7.14.6' },
    body: JSON.stringify([{ kind: 'summary', startDate: now - 1000, endDate: now, features: { [flag]: { default: 'old', contextKinds: ['user'], counters } } }]),
  });
  expect(response.status).toBe(202);
}

/** An environment as people have it: synced, held, by hand, by rules, with flags. */
export async function sample(server: Server, place: Place) {
  await push(server, place, 'high-intent', 'High-intent shoppers', { add: keysOf(1284) });
  await push(server, place, 'high-intent', 'High-intent shoppers', { add: keysOf(40, 1284), remove: keysOf(12) });
  await push(server, place, 'churn', 'Churn risk', { add: keysOf(1500) });
  await push(server, place, 'churn', 'Churn risk', { remove: keysOf(900) });
  await push(server, place, 'dormant', 'Dormant customers who have not opened a single one of our newsletters since last summer', { add: keysOf(77) });
  await segment(server, place, 'beta-testers', 'Beta testers', keysOf(23), ['beta', 'internal']);
  await segment(server, place, 'nobody', 'Nobody yet');
  const flags = `/flags/${place.project}`;
  await server.api('POST', flags, { key: 'high-intent-banner', name: 'High-intent banner' });
  await server.api('PATCH', `${flags}/high-intent-banner`, {
    environmentKey: place.environment,
    instructions: [
      { kind: 'turnFlagOn' },
      { kind: 'addRule', variationId: await firstVariation(server, place, 'high-intent-banner'), clauses: [{ contextKind: 'user', attribute: 'segmentMatch', op: 'segmentMatch', values: ['beta-testers'] }] },
    ],
  }, { 'Content-Type': 'application/json; domain-model=launchdarkly.semanticpatch' });
  await server.api('POST', flags, { key: 'legacy-checkout', name: 'Legacy checkout' });
}

async function firstVariation(server: Server, place: Place, flag: string): Promise<string> {
  const { variations } = await server.api<{ variations: { _id: string }[] }>('GET', `/flags/${place.project}/${flag}`);
  const id = variations[0]?._id;
  if (id === undefined) throw new Error(`${flag} has no variations`);
  return id;
}
