import { inEachLook, pictureOf } from './pictures';
import { keysOf, replace, sample, segment } from './sample';
import { at, test } from './test';

// Pictures of the pages, for people to look at: `make screenshots`.

/** The pages of an environment that has something. */
const filled = [
  ['segments', 'segments'], ['segments-filtered', 'segments?q=nothing+like+it'], ['segments-new', 'segments/new'], ['segments-new-by-hand', 'segments/new?by=hand'],
  ['upload', 'segments/upload'], ['upload-to', 'segments/upload?segment=beta-testers'],
  ['segment', 'segments/rudderstack-high-intent'], ['segment-by-hand', 'segments/beta-testers'], ['segment-empty', 'segments/nobody'],
  ['segment-held', 'segments/rudderstack-churn'], ['segment-unknown', 'segments/no-such-segment'],
  ['segment-members', 'segments/rudderstack-high-intent/members'], ['segment-why-in', 'segments/rudderstack-high-intent/members?context=user-000100@example.org'],
  ['segment-why-not-in', 'segments/rudderstack-high-intent/members?context=user-000003@example.org'],
  ['segment-syncs', 'segments/rudderstack-high-intent/syncs'], ['segment-syncs-held', 'segments/rudderstack-churn/syncs'],
  ['segment-flags', 'segments/beta-testers/flags'], ['segment-flags-none', 'segments/nobody/flags'],
  ['segment-history', 'segments/vips/history'], ['segment-history-none', 'segments/nobody/history'],
  ['segment-settings', 'segments/rudderstack-high-intent/settings'],
] as const;

/** The same of one that has nothing. */
const empty = [
  ['segments-empty', 'segments'],
] as const;

inEachLook((look) => {
  test('segments', async ({ page, place, server }) => {
    test.setTimeout(600_000);
    const take = (name: string, path: string) => pictureOf(page, name, at(place, path), look);
    for (const [name, path] of empty) await take(name, path);
    await sample(server, place);
    await segment(server, place, 'vips', 'VIPs');
    for (const [count, from] of [[500, 0], [540, 20], [530, 40]] as const) await replace(server, place, 'vips', keysOf(count, from));
    const syncs = `/segments/${place.project}/${place.environment}/rudderstack-churn/runs?state=held`;
    const { items: [held] } = await server.api<{ items: { _id: string }[] }>('GET', syncs);
    await take('sync-held', `segments/rudderstack-churn/syncs/${held?._id ?? ''}`);
    const { items: [, point] } = await server.api<{ items: { _id: string }[] }>('GET', `/segments/${place.project}/${place.environment}/vips/points`);
    await take('rollback', `segments/vips/history?rollback=${point?._id ?? ''}`);
    for (const [name, path] of filled) await take(name, path);
  });
});
