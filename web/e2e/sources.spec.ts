import { readFileSync } from 'node:fs';
import { request } from 'node:http';

import type { Page } from '@playwright/test';

import { keysOf, push, segment } from './sample';
import { at, expect, expectAccessible, expectNoSidewaysScroll, inBothThemes, test } from './test';

interface Environment {
  _id: string;
}

test('sources lists the tools of the server and those that push', async ({ page, place, server }) => {
  const { items } = await server.api<{ items: { name: string; example?: boolean }[] }>('GET', '/tools');
  await page.goto(at(place, 'sources'));
  const gallery = page.getByRole('region', { name: 'Push from a tool' });
  await expect(gallery.getByRole('link')).toHaveCount(items.filter((tool) => !tool.example).length);
  await expect(page.getByText('No tool has pushed yet')).toBeVisible();
  await push(server, place, 'a', 'Alpha', { add: keysOf(3) });
  await page.reload();
  const row = page.getByRole('row', { name: /RudderStack/ });
  await expect(row).toContainText('Accepted');
  await expect(row.getByRole('link', { name: '1 segment of RudderStack' })).toBeVisible();
  await inBothThemes(page, () => expectAccessible(page));
  await page.setViewportSize({ width: 390, height: 800 });
  await expectNoSidewaysScroll(page);
  await gallery.getByRole('link', { name: /RudderStack/ }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'Connect RudderStack' })).toBeVisible();
});

test('a tool is connected: its token is made, its calls are shown as they come, also refused ones, and its segment opens', async ({ page, place, server }) => {
  const { _id } = await server.api<Environment>('GET', `/projects/${place.project}/environments/${place.environment}`);
  await page.goto(at(place, 'sources/new/rudderstack'));
  await expect(page.getByText('RudderStack cannot reach 127.0.0.1.')).toBeVisible();
  await expect(page.getByRole('button', { name: 'Send a test sync' })).toHaveAttribute('aria-disabled', 'true');
  await inBothThemes(page, () => expectAccessible(page));
  await page.getByRole('button', { name: 'Create token' }).click();
  const shown = page.getByRole('figure', { name: 'Shown once' });
  await expect(shown.getByRole('button', { name: 'Copy token' })).toBeFocused();
  await expect(shown).toContainText('…');
  await shown.getByRole('button', { name: 'Show' }).click();
  const token = (await shown.locator('pre').textContent()) ?? '';
  expect(token).toMatch(/^api-[0-9a-f-]{36}$/);
  const made = await server.api<{ inlineRole: unknown }>('GET', `/tokens/${new URL(page.url()).searchParams.get('token') ?? ''}`);
  expect(made.inlineRole).toEqual([
    { effect: 'allow', resources: [`proj/${place.project}:env/${place.environment}:segment/*`], actions: ['createSegment', 'updateIncluded'] },
  ]);
  const url = (await page.getByRole('figure', { name: 'URL, method POST' }).locator('pre').textContent()) ?? '';
  expect(url).toBe(`${server.url}/api/v2/segment-targets/rudderstack`);
  await expect(page.getByRole('figure', { name: 'Body template' })).toContainText(_id);

  const call = async (authorization: string, body: unknown) =>
    (await fetch(url, { method: 'POST', headers: authorization === '' ? {} : { Authorization: authorization }, body: JSON.stringify(body) })).status;
  await expect(page.getByText('Connected', { exact: true })).toBeVisible();
  expect(await call('', {})).toBe(401);
  await expect(page.getByText('The call carried no token.')).toBeVisible();
  expect(await call(token.slice(0, -4), {})).toBe(401);
  await expect(page.getByText('The token is not known here; it may be cut off.')).toBeVisible();
  expect(await call(token, { environmentId: _id, cohortName: 'x', listData: { add: [{ id: 'a' }] } })).toBe(400);
  await expect(page.getByText('/cohortId is missing.')).toBeVisible();
  await inBothThemes(page, () => expectAccessible(page));

  const members = [...keysOf(40).map((id) => ({ id })), { id: '' }];
  expect(await call(token, { environmentId: _id, cohortId: 'high-intent', cohortName: 'High-intent shoppers', listData: { add: members, remove: [] } })).toBe(204);
  const accepted = page.getByRole('article').filter({ has: page.getByRole('img', { name: 'State: Accepted' }) });
  await expect(accepted).toHaveCount(1);
  await expect(accepted).toContainText('+40');
  await expect(accepted).toContainText('1 member was skipped.');
  await expect(page.getByText('The first call of RudderStack arrived.')).toBeAttached();
  await inBothThemes(page, () => expectAccessible(page));
  await page.setViewportSize({ width: 360, height: 780 });
  await expectNoSidewaysScroll(page);
  await page.reload();
  await expect(accepted).toContainText('+40');
  await expect(page.getByText('Its text was shown once.')).toBeVisible();
  await accepted.getByRole('link', { name: 'Open segment' }).click();
  await expect(page).toHaveURL(/\/segments\/rudderstack-high-intent$/);
});

test('a test sync makes a segment of its own, which deletes itself after an hour or is deleted by the page', async ({ page, place, server }) => {
  const list = async () => (await server.api<{ items: { key: string; name: string; _muster: { test?: { expiresAt: number } } }[] }>('GET', `/segments/${place.project}/${place.environment}`)).items;
  for (const [tool, name] of [['rudderstack', 'RudderStack'], ['heap-inbound', 'Heap']] as const) {
    await page.goto(at(place, `sources/new/${tool}`));
    await page.getByRole('button', { name: 'Create token' }).click();
    await expect(page.getByText('Connected', { exact: true })).toBeVisible();
    await page.getByRole('button', { name: 'Send a test sync' }).click();
    await expect(page.getByRole('article')).toContainText('Accepted');
    const made = await list();
    expect(made.map((one) => one.name)).toEqual([`Test of ${name}`]);
    const hours = ((made[0]?._muster.test?.expiresAt ?? 0) - Date.now()) / 3_600_000;
    expect(hours).toBeGreaterThan(0.9);
    expect(hours).toBeLessThanOrEqual(1);
    await page.getByRole('button', { name: 'Delete the test segment' }).click();
    await expect(page.getByText(`Deleted the segment “Test of ${name}”.`)).toBeVisible();
    expect(await list()).toEqual([]);
  }
});

test('a list is uploaded: nothing changes before the last button, and the import is found again after a reload', async ({ page, place, server }) => {
  await segment(server, place, 'beta', 'Beta programme', [...keysOf(12), 'gone-1', 'gone-2']);
  const rows = [...keysOf(3000).map((key, i) => `${i};${key}`), '9001;', `9002;${keysOf(1)[0] ?? ''}`];
  const file = { name: 'beta-nov.csv', mimeType: 'text/csv', buffer: Buffer.from(['no;customer', ...rows].join('\n')) };
  await page.goto(`${at(place, 'segments/upload')}?segment=beta`);
  await expect(page.getByRole('heading', { level: 1, name: 'Upload to Beta programme' })).toBeVisible();
  await expectAccessible(page);
  // What has no names of columns is read by its separator too.
  const bare = { name: 'bare.csv', mimeType: 'text/csv', buffer: Buffer.from('1;ann@example.org\n2;bo@example.org\n') };
  await page.getByLabel('Choose a file').setInputFiles(bare);
  await page.getByRole('checkbox', { name: 'The first row holds column names' }).uncheck();
  await page.getByRole('radio', { name: 'Column 2' }).check();
  await page.getByRole('button', { name: 'Check the difference' }).click();
  await expect(page.getByRole('region', { name: 'The difference' })).toContainText('Will join+2');
  await page.getByRole('button', { name: 'Choose another' }).click();
  await page.getByLabel('Choose a file').setInputFiles(file);
  await page.getByRole('radio', { name: 'customer' }).check();
  await page.getByRole('button', { name: 'Replace', exact: true }).click();
  await expect(page.getByText('Everybody who is not in the file leaves.')).toBeVisible();
  await page.getByRole('button', { name: 'Check the difference' }).click();
  const difference = page.getByRole('region', { name: 'The difference' });
  await expect(difference).toContainText('Will leave−2');
  await expect(difference).toContainText('Will join+2,988');
  await expect(difference).toContainText('After3,000');
  await expect(page.getByText('1 row will be left out.')).toBeVisible();
  await inBothThemes(page, () => expectAccessible(page));
  const members = async () =>
    (await server.api<{ _unboundedMetadata: { includedCount: number } }>('GET', `/segments/${place.project}/${place.environment}/beta`))._unboundedMetadata.includedCount;
  const whole = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Download the full diff' }).click();
  const changes = readFileSync(await (await whole).path(), 'utf8').trimEnd().split('\n');
  expect(changes[0]).toBe('change,key,hash');
  expect(changes.slice(1).sort()).toEqual([...keysOf(3000).slice(12).map((key) => `added,${key},`), 'removed,gone-1,', 'removed,gone-2,'].sort());
  expect(await members()).toBe(14);
  await page.setViewportSize({ width: 360, height: 780 });
  await expectNoSidewaysScroll(page);
  await page.getByRole('button', { name: 'Replace with 3,000 members' }).click();
  await expect(page).toHaveURL(/import=/);
  await expect(page.getByText('The import is done.')).toBeVisible();
  expect(await members()).toBe(3000);
  await page.reload();
  await expect(page.getByText('The import is done.')).toBeVisible();
  const download = page.waitForEvent('download');
  await page.getByRole('link', { name: 'Rejected rows' }).click();
  expect((await download).suggestedFilename()).toMatch(/^rejects-.*\.csv$/);
  await inBothThemes(page, () => expectAccessible(page));
  await page.getByRole('link', { name: 'Open segment' }).click();
  await expect(page).toHaveURL(/\/segments\/beta$/);
});

/** Tells how far what is shown as under way is. */
const percentOf = (page: Page) => page.getByRole('progressbar', { name: 'Sync progress' }).getAttribute('aria-valuenow').then(Number);

test('while a list is sent the page says how much of it is gone, and asks before it is left', async ({ page, place, server }) => {
  await segment(server, place, 'beta', 'Beta programme', keysOf(2));
  await page.goto(at(place, 'segments/upload?segment=beta'));
  await page.getByLabel('Choose a file').setInputFiles({ name: 'beta.csv', mimeType: 'text/csv', buffer: Buffer.from(['key', ...keysOf(20_000)].join('\n')) });
  await page.getByRole('button', { name: 'Check the difference' }).click();
  const add = page.getByRole('button', { name: 'Add 19,998 members' });
  await expect(add).toBeVisible();
  const browser = await page.context().newCDPSession(page);
  const upload = (bytesPerSecond: number) => browser.send('Network.emulateNetworkConditions', { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput: bytesPerSecond });
  await upload(50_000);
  await add.click();
  await expect.poll(() => percentOf(page)).toBeGreaterThan(0);
  await expect(page.getByText(/% · [\d,]+ of 480,003 bytes sent$/)).toBeVisible();
  expect(await percentOf(page)).toBeLessThan(100);
  await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Contexts', exact: true }).click();
  const question = page.getByRole('dialog', { name: 'Stop sending the list?' });
  await expect(question).toContainText('Not all of it has been sent. If you leave now, nobody joins or leaves.');
  await expectAccessible(page);
  await question.getByRole('button', { name: 'Stay' }).click();
  expect(await percentOf(page)).toBeLessThan(100);
  await upload(-1);
  await expect(page.getByText('The import is done.')).toBeVisible();
  await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Contexts', exact: true }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'Contexts' })).toBeVisible();
});

test('the page of an import says how much of the list has been read, also after a reload', async ({ page, place, server }) => {
  await segment(server, place, 'beta', 'Beta programme');
  const imports = `/segments/${place.project}/${place.environment}/beta/imports`;
  const list = ['key', ...keysOf(100_000), ''].join('\n');
  const half = list.length / 2;
  const upload = request(`${server.url}/api/v2${imports}`, {
    method: 'POST', headers: { 'Authorization': server.token, 'Content-Type': 'text/csv', 'Content-Length': list.length },
  });
  upload.write(list.slice(0, half));
  const read = async () => (await server.api<{ items: { id: string; progress?: { bytesRead: number } }[] }>('GET', imports)).items[0];
  await expect.poll(async () => (await read())?.progress?.bytesRead).toBe(half);
  await page.goto(at(place, `segments/upload?segment=beta&import=${(await read())?.id}`));
  await expect(page.getByText(/^50 % · [\d,]+ rows read$/)).toBeVisible();
  await expect(page.getByText('The list is being read. You can close this page.')).toBeVisible();
  await expect(page.getByText('Connected', { exact: true })).toBeVisible();
  const more = list.length * 0.75;
  upload.write(list.slice(half, more));
  await expect.poll(() => percentOf(page)).toBe(75);
  await page.reload();
  await expect.poll(() => percentOf(page)).toBe(75);
  await expectAccessible(page);
  upload.end(list.slice(more));
  await expect(page.getByText('The import is done.')).toBeVisible();
  await expect(page.getByText('100,000 members joined, 0 left, 0 rows were left out.')).toBeVisible();
});
