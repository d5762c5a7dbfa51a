import { request } from 'node:http';

import { inEachLook, picture, pictureOf } from './pictures';
import { keysOf, push, pushPage, replace, sample, segment } from './sample';
import type { Server } from './server';
import { at, expect, test, type Place } from './test';

const customers = (count: number) => Buffer.from(['no;customer;joined', ...keysOf(count, 7).map((key, i) => `${1000 + i};${key};2026-11-02`), '9001;;2026-11-03', '9002;;2026-11-04'].join('\n'));

/** Begins to upload a list and breaks off. */
async function brokenList(server: Server, place: Place, key: string) {
  const upload = request(`${server.url}/api/v2/segments/${place.project}/${place.environment}/${key}/imports?mode=replace`, {
    method: 'POST', headers: { 'Authorization': server.token, 'LD-API-Version': 'beta', 'Content-Type': 'text/csv', 'Content-Length': 1000 },
  });
  const runs = `/segments/${place.project}/${place.environment}/${key}/runs`;
  const state = async () => (await server.api<{ items: { state: string }[] }>('GET', runs)).items[0]?.state;
  upload.on('error', () => undefined);
  upload.write('key\nann\n');
  await expect.poll(state).toBe('received');
  upload.destroy();
  await expect.poll(state).toBe('rejected');
}

inEachLook((look) => {
  test('a segment at work', async ({ page, place, server }) => {
    test.setTimeout(600_000);
    const api = `/segments/${place.project}/${place.environment}`;
    const take = (name: string, path: string) => pictureOf(page, name, at(place, path), look);
    const dialog = page.getByRole('dialog');
    await sample(server, place);

    await test.step('lists and forms', async () => {
      await take('upload-new', 'segments/new?by=list');
      await take('members-by-hand', 'segments/beta-testers/members');
      await page.getByRole('button', { name: 'Add members' }).click();
      await dialog.getByLabel('Context keys, one a line').fill(keysOf(3, 90).join('\n'));
      await picture(page, 'members-add', look);
      await take('members-none', 'segments/nobody/members');
      await take('members-not-found', 'segments/rudderstack-high-intent/members?prefix=anna');
      await take('segment-why-never', 'segments/rudderstack-high-intent/members?context=USER-000100@example.org');
      await take('segment-why-held', 'segments/rudderstack-churn/members?context=user-000003@example.org');
      await take('segment-long', 'segments/rudderstack-dormant');
      await take('segment-settings-in-use', 'segments/beta-testers/settings');
      await take('segment-settings-edited', 'segments/rudderstack-high-intent/settings');
      await page.getByLabel('Name', { exact: true }).fill('Shoppers about to buy');
      await expect(page.getByText('1 unsaved change')).toBeVisible();
      await picture(page, 'segment-settings-edited', look);
      await page.getByRole('button', { name: 'Save', exact: true }).click();
      await expect(page.getByText('Saved. Later syncs will leave the name alone.')).toBeVisible();
      await picture(page, 'segment-settings-saved', look);
      await page.getByRole('button', { name: 'Delete segment…' }).click();
      await expect(dialog.getByRole('button', { name: 'Cancel' })).toBeFocused();
      await picture(page, 'segment-delete', look);
    });

    await test.step('a list is uploaded', async () => {
      await page.goto(at(place, 'segments/upload?segment=beta-testers'));
      await page.getByLabel('Choose a file').setInputFiles({ name: 'beta-nov.csv', mimeType: 'text/csv', buffer: customers(60) });
      await page.getByRole('radio', { name: 'customer' }).check();
      await page.getByRole('button', { name: 'Replace', exact: true }).click();
      await picture(page, 'upload-columns', look);
      await page.getByRole('button', { name: 'Check the difference' }).click();
      await expect(page.getByRole('button', { name: 'Replace with 60 members' })).toBeVisible();
      await picture(page, 'upload-difference', look);
      await page.getByRole('button', { name: 'Replace with 60 members' }).click();
      await expect(page.getByText('The import is done.')).toBeVisible();
      await picture(page, 'upload-done', look);
      await page.goto(at(place, 'segments/upload?segment=rudderstack-high-intent'));
      await page.getByLabel('Choose a file').setInputFiles({ name: 'few.csv', mimeType: 'text/csv', buffer: customers(100) });
      await page.getByRole('button', { name: 'Replace', exact: true }).click();
      await page.getByRole('checkbox', { name: /^Change the members although/ }).check();
      await page.getByRole('button', { name: 'Check the difference' }).click();
      await expect(page.getByText('The guard will hold this import.')).toBeVisible();
      await picture(page, 'upload-would-hold', look);
      await page.getByRole('button', { name: /^Replace with/ }).click();
      await expect(page.getByText('The guard holds this import.')).toBeVisible();
      await picture(page, 'upload-held', look);
    });

    await test.step('points, and the way back', async () => {
      await segment(server, place, 'vips', 'VIPs');
      for (const [count, from] of [[500, 0], [540, 20], [530, 40]] as const) await replace(server, place, 'vips', keysOf(count, from));
      await page.goto(at(place, 'segments/vips'));
      await page.getByRole('button', { name: 'Roll back…' }).click();
      await dialog.getByRole('button', { name: /^Roll back to/ }).click();
      await expect(page.getByText(/^Rolled back to 540 members/)).toBeVisible();
      await picture(page, 'segment-rolled-back', look);
      await take('segment-drifted', 'segments/vips');
      await page.getByRole('button', { name: 'View as table' }).click();
      await picture(page, 'segment-sizes', look);
    });

    await test.step('a held sync is decided', async () => {
      const { items: [held] } = await server.api<{ items: { _id: string }[] }>('GET', `${api}/rudderstack-churn/runs?state=held`);
      await page.goto(at(place, `segments/rudderstack-churn/syncs/${held?._id ?? ''}`));
      await page.getByRole('button', { name: /^Release: / }).click();
      await expect(dialog.getByRole('button', { name: 'Cancel' })).toBeFocused();
      await picture(page, 'sync-release', look);
      await dialog.getByRole('button', { name: 'Cancel' }).click();
      await page.getByRole('button', { name: 'Discard this sync' }).click();
      await expect(page.getByText(/^Discarded\./)).toBeVisible();
      await picture(page, 'sync-discarded', look);
      await push(server, place, 'churn', 'Churn risk', { add: keysOf(3, 4000), remove: keysOf(2) });
      const { items: [live] } = await server.api<{ items: { _id: string }[] }>('GET', `${api}/rudderstack-churn/runs?state=live`);
      await take('sync', `segments/rudderstack-churn/syncs/${live?._id ?? ''}`);
      await page.getByRole('button', { name: 'Undo this sync…' }).click();
      await expect(dialog.getByRole('button', { name: /^Undo: / })).toBeVisible();
      await picture(page, 'sync-undo', look);
      await dialog.getByRole('button', { name: /^Undo: / }).click();
      await expect(page.getByText(/^Undone: /)).toBeVisible();
      await picture(page, 'sync-undone', look);
    });

    await test.step('a full sync on its way, and a list that broke off', async () => {
      const runOf = async (key: string) => (await server.api<{ items: { _id: string }[] }>('GET', `${api}/${key}/runs`)).items[0]?._id ?? '';
      const paged = (session: string, of: number, keys: string[]) => pushPage(server, place, 'newsletter', 'Newsletter, EU consent', { session, number: 1, of, keys });
      await paged('first', 1, keysOf(4000));
      await paged('second', 3, keysOf(2000, 1200));
      await page.goto(at(place, 'segments/mixpanel-newsletter'));
      await expect(page.getByRole('progressbar', { name: 'Sync progress' })).toBeVisible();
      await picture(page, 'segment-syncing', look);
      await take('segment-syncs-syncing', 'segments/mixpanel-newsletter/syncs');
      await take('sync-running', `segments/mixpanel-newsletter/syncs/${await runOf('mixpanel-newsletter')}`);
      await brokenList(server, place, 'vips');
      await take('sync-failed', `segments/vips/syncs/${await runOf('vips')}`);
      await take('segment-failed', 'segments/vips');
    });

    await test.step('a move to another generation', async () => {
      await page.goto(at(place, 'segments/vips/settings'));
      await page.getByRole('button', { name: 'Move to a new generation…' }).click();
      await expect(dialog.getByRole('button', { name: 'Cancel' })).toBeFocused();
      await picture(page, 'segment-move', look);
      await dialog.getByRole('button', { name: /^Move \d/ }).click();
      await expect(page.getByText(/^Began the move/)).toBeVisible();
      await take('segment-moving', 'segments/vips');
    });

    await test.step('many segments', async () => {
      for (let i = 0; i < 60; i++) await segment(server, place, `audience-${i}`, `Audience ${i}, of the autumn campaign`, [], ['autumn', 'campaign', 'paid']);
      await take('segments-many', 'segments?sort=-members');
      await take('segments-many-2', 'segments?sort=-members&page=2');
    });
  });
});
