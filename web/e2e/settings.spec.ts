import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';

import { keysOf, push } from './sample';
import { Server } from './server';
import { at, expect, expectAccessible, expectNoSidewaysScroll, inBothThemes, signIn, test, type Place } from './test';

interface Environment {
  _id: string;
  apiKey: string;
  mobileKey: string;
}

const environment = (server: Server, place: Place) => server.api<Environment>('GET', `/projects/${place.project}/environments/${place.environment}`);

/** How the server answers an SDK that polls with a key. */
async function polled(server: Server, key: string): Promise<number> {
  return (await fetch(`${server.url}/sdk/latest-all`, { headers: { Authorization: key } })).status;
}

test('an SDK key is rotated with a grace in which the old one still answers, until somebody ends it', async ({ page, place, server }) => {
  const before = await environment(server, place);
  await page.goto(at(place, 'settings'));
  await expect(page).toHaveURL(/\/settings\/keys$/);
  const shown = page.getByRole('figure', { name: 'SDK key' });
  await expect(shown.locator('pre')).toHaveText(`${before.apiKey.slice(0, 6)}…${before.apiKey.slice(-4)}`);
  await shown.getByRole('button', { name: 'Show' }).click();
  await expect(shown.locator('pre')).toHaveText(before.apiKey);
  const leave = new AbortController();
  await fetch(`${server.url}/all`, { headers: { Authorization: before.apiKey, 'User-Agent': 'GoClient/7.1.0' }, signal: leave.signal });
  await expect(page.getByText('1 SDK uses it now.')).toBeVisible();

  await page.getByRole('button', { name: 'Rotate SDK key…' }).click();
  const dialog = page.getByRole('dialog');
  await expect(dialog).toContainText('The old SDK key keeps working for 24 h. 1 SDK uses it now.');
  await expectAccessible(page);
  await dialog.getByRole('button', { name: 'Rotate the SDK key' }).click();
  await expect(page.getByText(/^Rotated the SDK key\. The old one works until/)).toBeVisible();
  leave.abort();
  const after = await environment(server, place);
  expect(after.apiKey).not.toBe(before.apiKey);
  expect([await polled(server, before.apiKey), await polled(server, after.apiKey)]).toEqual([200, 200]);
  await page.reload();
  await expect(page.getByText(/^The old SDK key .* works until/)).toBeVisible();
  await inBothThemes(page, () => expectAccessible(page));

  await page.getByRole('button', { name: 'End it now…' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'End 1 old SDK key' }).click();
  await expect(page.getByText('Ended 1 old SDK key.')).toBeVisible();
  await expect(page.getByText(/^The old SDK key .* works until/)).toBeHidden();
  expect([await polled(server, before.apiKey), await polled(server, after.apiKey)]).toEqual([401, 200]);

  await page.getByRole('button', { name: 'Rotate mobile key…' }).click();
  const rotate = page.getByRole('dialog').getByRole('button', { name: 'Rotate the mobile key' });
  await expect(rotate).toBeDisabled();
  await page.getByLabel('Type the key to confirm').fill('production');
  await rotate.click();
  await expect(page.getByText('Rotated the mobile key. The old one ended.')).toBeVisible();
  expect((await environment(server, place)).mobileKey).not.toBe(before.mobileKey);
  await page.setViewportSize({ width: 360, height: 780 });
  await expectNoSidewaysScroll(page);
});

test('an environment is made, changed and deleted, and a project is made', async ({ page, place, server }) => {
  await page.goto(at(place, 'settings/keys'));
  await page.getByRole('button', { name: 'Create environment' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Name').fill('Staging EU');
  await expect(dialog.getByLabel('Key', { exact: true })).toHaveValue('staging-eu');
  await expectAccessible(page);
  await dialog.getByRole('button', { name: 'Create', exact: true }).click();
  await expect(page).toHaveURL(/\/environments\/staging-eu\/settings\/keys$/);
  await expect(dialog).toBeHidden();
  const details = page.getByRole('region', { name: 'Environment', exact: true });
  await expect(details.getByLabel('Name', { exact: true })).toHaveValue('Staging EU');
  await expect(dialog).toBeHidden();
  await details.getByRole('switch', { name: 'Critical' }).press('Space');
  await details.getByRole('switch', { name: 'Secure mode' }).press('Space');
  await details.getByRole('button', { name: 'Colour D4606A' }).click();
  await expect(page.getByText('3 unsaved changes')).toBeVisible();
  await details.getByRole('button', { name: 'Save', exact: true }).click();
  await expect(page.getByText('Saved 3 changes of Staging EU.')).toBeVisible();
  expect(await server.api('GET', `/projects/${place.project}/environments/staging-eu`)).toMatchObject({ critical: true, secureMode: true, color: 'D4606A' });

  await push(server, { ...place, environment: 'staging-eu' }, 'a', 'Alpha', { add: keysOf(3) });
  await page.reload();
  await expect(page.getByText('It has 1 segment with 3 members, and the targeting of 0 flags.')).toBeVisible();
  await page.getByRole('button', { name: 'Delete environment…' }).click();
  await page.getByLabel('Type the key to confirm').fill('staging-eu');
  await page.getByRole('dialog').getByRole('button', { name: 'Delete environment' }).click();
  await expect(page.getByText('Deleted Staging EU with 1 segment.')).toBeVisible();
  await expect(page.getByRole('region', { name: /^Environments of/ }).getByRole('link')).toHaveText(['Test', 'Production']);

  await page.getByRole('button', { name: 'Create project' }).click();
  await page.getByRole('dialog').getByLabel('Name').fill(`Shop of ${place.project}`);
  await page.getByRole('dialog').getByRole('button', { name: 'Create', exact: true }).click();
  await expect(page).toHaveURL(new RegExp(`/projects/shop-of-${place.project}/environments/production/settings/keys$`));
});

test('a webhook is made, tested against a receiver that signs off, shows deliveries as they are made, and is deleted', async ({ page, place, server }) => {
  const heard: { body: string; signature: string | undefined }[] = [];
  let status = 200;
  const receiver = createServer((request: IncomingMessage, response) => {
    let body = '';
    request.on('data', (part: Buffer) => (body += part.toString()));
    request.on('end', () => {
      heard.push({ body, signature: request.headers['x-ld-signature'] as string | undefined });
      response.writeHead(status).end();
    });
  });
  await new Promise<void>((ready) => receiver.listen(0, '127.0.0.1', ready));
  const { port } = receiver.address() as AddressInfo;
  await page.goto(at(place, 'settings/webhooks'));
  await expect(page.getByRole('heading', { name: 'No webhook yet' })).toBeVisible();
  await page.getByRole('button', { name: 'Create webhook' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Name').fill('Chat room');
  await dialog.getByLabel('URL').fill('nonsense');
  await dialog.getByRole('button', { name: 'Create', exact: true }).click();
  await expect(dialog.getByText('Type an address that begins with')).toBeVisible();
  await expectAccessible(page);
  await dialog.getByLabel('URL').fill(`http://127.0.0.1:${port}/hook`);
  await dialog.getByRole('button', { name: 'Create', exact: true }).click();
  const panel = page.getByRole('region', { name: 'Chat room' });
  await expect(panel.getByRole('figure', { name: /^Secret/ })).toContainText('…');

  heard.length = 0;
  await panel.getByRole('button', { name: 'Send test' }).click();
  await expect(panel.getByRole('status').filter({ hasText: 'The test was delivered.' })).toContainText('The answer was 200');
  await expect(panel.getByRole('row').filter({ hasText: 'Test' }).first()).toContainText('Delivered, 200');
  expect(heard.some(({ body, signature }) => body.length > 2 && /^[0-9a-f]{64}$/.test(signature ?? ''))).toBe(true);
  // What is told while somebody looks shows by itself.
  await expect(page.getByText('Connected', { exact: true })).toBeVisible();
  status = 202;
  await server.api('POST', `/flags/${place.project}`, { key: 'told', name: 'Told' });
  await expect(panel.getByRole('row').filter({ hasText: 'Attempt 1' }).filter({ hasText: 'Delivered, 202' })).toBeVisible();
  status = 500;
  await panel.getByRole('button', { name: 'Send test' }).click();
  await expect(panel.getByText('The test was not delivered.')).toBeVisible();
  const row = page.getByRole('table', { name: 'Webhooks' }).getByRole('row', { name: /Chat room/ });
  await expect(row.getByLabel('State: On')).toBeVisible(); // a test is no delivery
  await server.api('POST', `/flags/${place.project}`, { key: 'untold', name: 'Untold' });
  await expect(row.getByLabel('State: Failing, 500')).toBeVisible();
  await expect(row).toContainText(/since .*\d\d:\d\d/);
  await inBothThemes(page, () => expectAccessible(page));
  await page.setViewportSize({ width: 360, height: 780 });
  await expectNoSidewaysScroll(page);

  await panel.getByRole('button', { name: 'Edit' }).click();
  await page.getByRole('dialog').getByRole('switch', { name: 'On' }).uncheck({ force: true });
  await page.getByRole('dialog').getByRole('button', { name: 'Save', exact: true }).click();
  await expect(page.getByRole('table', { name: 'Webhooks' }).getByRole('img', { name: 'State: Off' })).toBeVisible();
  await panel.getByRole('button', { name: 'Delete…' }).click();
  await page.getByLabel('Type the key to confirm').fill('Chat room');
  await page.getByRole('dialog').getByRole('button', { name: 'Delete webhook' }).click();
  await expect(page.getByRole('heading', { name: 'No webhook yet' })).toBeVisible();
  await new Promise((closed) => receiver.close(closed));
});

test('a default of the guard says what it would have held, and holds the next bad sync', async ({ page, place, server }) => {
  await push(server, place, 'a', 'Alpha', { add: keysOf(2000) });
  await push(server, place, 'a', 'Alpha', { remove: keysOf(200) });
  await page.goto(at(place, 'settings/guard'));
  const panel = page.getByRole('region', { name: 'Guard of Production' });
  await expect(panel.getByText('With these limits, 0 of the last 2 syncs would have been held.')).toBeVisible();
  await expect(panel.getByText('the default')).toHaveCount(3);
  await panel.getByLabel('Percent that may leave').fill('5');
  await expect(panel.getByText('With these limits, 1 of the last 2 syncs would have been held.')).toBeVisible();
  await inBothThemes(page, () => expectAccessible(page));
  await panel.getByRole('button', { name: 'Save', exact: true }).click();
  await expect(page.getByText('Saved the guard. It looks at the next sync.')).toBeVisible();
  await push(server, place, 'b', 'Beta', { add: keysOf(1500) });
  await push(server, place, 'b', 'Beta', { remove: keysOf(150) });
  expect(await server.api('GET', `/segments/${place.project}/${place.environment}/rudderstack-b`)).toMatchObject({ _muster: { state: 'held' }, _unboundedMetadata: { includedCount: 1500 } });
  await page.setViewportSize({ width: 360, height: 780 });
  await expectNoSidewaysScroll(page);
  await page.goto(at(place, 'segments/rudderstack-b/settings'));
  const own = page.getByRole('region', { name: 'Guard' });
  await expect(own.getByText('from the environment')).toHaveCount(1);
  await expect(own.getByText('the default', { exact: true })).toHaveCount(2);
  const leave = own.getByLabel('Percent that may leave');
  await expect(leave).toHaveValue('5');
  await leave.fill('40');
  await expect(own.getByText('1 unsaved change')).toBeVisible();
  await own.getByRole('switch').last().scrollIntoViewIfNeeded();
  await page.keyboard.press('Control+s');
  await expect(page.getByText('Saved the guard. It looks at the next sync.')).toBeVisible();
  await expect(own.getByText('from the environment')).toHaveCount(0);
  // What is loaded anew leaves the page where it was scrolled to.
  await expect(own.getByRole('switch').last()).toBeInViewport();
  await inBothThemes(page, () => expectAccessible(page));
  await own.getByRole('group', { name: 'Limit on removals' }).getByRole('button', { name: 'Follow the environment again' }).click();
  await expect(page.getByText('The limit on removals follows the environment again: 5 %.')).toBeVisible();
  await expect(leave).toHaveValue('5');
  await expect(own.getByText('from the environment')).toHaveCount(1);
  expect(await server.api('GET', `/segments/${place.project}/${place.environment}/rudderstack-b/guard`)).toMatchObject({ shrinkPercent: 5 });
  // What somebody else changes comes without a reload, also where it is handed down. Its source comes before the environment.
  await server.api('PATCH', `/projects/${place.project}/environments/${place.environment}/guard`, { shrinkPercent: 7 });
  await expect(leave).toHaveValue('7');
  await server.api('PATCH', `/segments/${place.project}/${place.environment}/rudderstack-b/guard`, { shrinkPercent: 22 });
  await expect(leave).toHaveValue('22');
  await expect(own.getByText('from the environment')).toHaveCount(0);
  await server.api('PATCH', `/segments/${place.project}/${place.environment}/rudderstack-b/guard`, { inherited: ['shrinkPercent'] });
  await expect(leave).toHaveValue('7');
  await server.api('PATCH', `/projects/${place.project}/environments/${place.environment}/sources/rudderstack/guard`, { shrinkPercent: 15 });
  await expect(own.getByRole('group', { name: 'Limit on removals' })).toContainText('from the source');
  await expect(leave).toHaveValue('15');
  await expect(own.getByText('from the environment')).toHaveCount(0);
  await expect(own.getByText('the default', { exact: true })).toHaveCount(2);
});

test('a person changes name, address and password, and ends other sessions', async ({ browser, complaints }) => {
  const own = await Server.start();
  const context = await browser.newContext({ baseURL: own.url });
  complaints.listen(context);
  await signIn(context, own);
  const page = await context.newPage();
  await page.goto('/ui/settings');
  await expect(page).toHaveURL(/\/ui\/settings\/account$/);
  await page.getByLabel('First name').fill('Mira');
  await page.getByLabel('Last name').fill('Okafor');
  await page.getByLabel('Email').fill('mira@example.org');
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await expect(page.getByText('Saved. You sign in as mira@example.org from now on.')).toBeVisible();
  await expect(page.getByRole('button', { name: 'Signed in as Mira Okafor' })).toBeVisible();
  await page.getByLabel('New password').fill('too short');
  await page.getByRole('button', { name: 'Change password' }).click();
  await expect(page.getByText('Type 12 characters or more.')).toBeVisible();
  await inBothThemes(page, () => expectAccessible(page));
  await page.getByLabel('New password').fill('correct horse battery');
  await page.getByRole('button', { name: 'Change password' }).click();
  await expect(page.getByText('Changed your password.')).toBeVisible();

  const there = await browser.newContext({ baseURL: own.url });
  const session = (email: string, password: string) => there.request.post('/api/v2/session', { data: { email, password }, headers: { 'X-Requested-With': 'muster' } });
  expect((await session('mira@example.org', 'correct horse battery')).status()).toBe(200);
  await signIn(there, own);
  await page.getByRole('button', { name: 'End all other sessions' }).click();
  await expect(page.getByText('Ended your other sessions.')).toBeVisible();
  expect((await there.request.get('/api/v2/session')).status()).toBe(401);

  await page.getByRole('switch', { name: 'Single-key shortcuts' }).press('Space');
  await expect(page.getByRole('switch', { name: 'Single-key shortcuts' })).not.toBeChecked();
  await page.getByRole('radio', { name: 'Dark' }).check();
  await expect(page.locator('html')).toHaveAttribute('data-mantine-color-scheme', 'dark');
  await page.setViewportSize({ width: 360, height: 780 });
  await expectNoSidewaysScroll(page);
  await there.close();
  await context.close();
  await own.remove();
});

test('limits and what runs here are shown, with the licences of what is in it', async ({ page, server }) => {
  await page.goto('/ui/settings/limits');
  await page.getByLabel('Search limits').fill('import');
  const { items } = await server.api<{ items: { name: string; setting?: string }[] }>('GET', '/limits');
  await expect(page.getByRole('row', { name: /^Max import / })).toContainText('--max-import');
  expect(items.some((limit) => limit.name === 'maxImportBytes')).toBe(true);
  await expect(page).toHaveURL(/q=import/);
  await inBothThemes(page, () => expectAccessible(page));
  await page.getByRole('link', { name: 'About' }).click();
  const { status } = await (await fetch(`${server.url}/status`)).json() as { status: string }; // other journeys may have left a store that can't be reached
  await expect(page.getByRole('img', { name: new RegExp(`^State: ${status}`, 'i') })).toBeVisible();
  await expect(page.getByRole('row', { name: /github\.com\/cockroachdb\/pebble/ })).toContainText('BSD-3-Clause');
  await expect(page.getByRole('row', { name: /^@mantine\/core/ })).toContainText('MIT');
  const texts = await (await fetch(`${server.url}/ui/licences.txt`)).text();
  expect(texts).toContain('Permission is hereby granted, free of charge');
  await page.setViewportSize({ width: 360, height: 780 });
  await expectNoSidewaysScroll(page);
  await expectAccessible(page);
});
