import { readFileSync } from 'node:fs';

import type { Locator } from '@playwright/test';

import { keysOf, push, pushPage, replace, segment } from './sample';
import { freePort, Server } from './server';
import { at, expect, expectAccessible, expectNoSidewaysScroll, inBothThemes, signIn, test } from './test';

test('name, description and tags are edited and survive the next sync', async ({ page, place, server }) => {
  await push(server, place, 'intent', 'High intent', { add: ['ann', 'bo'] });
  const offered = ['beta', 'checkout', 'gold', 'internal', 'sales']; // they must not lie over what saves
  await server.api('POST', `/segments/${place.project}/${place.environment}`, { key: 'other', name: 'Other', tags: offered });
  await page.goto(at(place, 'segments/rudderstack-intent/settings'));
  await expect(page.getByLabel('Key', { exact: true })).toHaveValue('rudderstack-intent');
  await expect(page.getByLabel('Context kind')).toHaveValue('user');
  await page.getByLabel('Name', { exact: true }).fill('Shoppers');
  await page.getByRole('textbox', { name: 'Description' }).fill('Cart over 80 EUR');
  await page.getByRole('combobox', { name: 'Tags' }).pressSequentially('growth autumn'); // two of them: a tag has no blanks
  await page.keyboard.press('Enter');
  await expect(page.getByText('3 unsaved changes')).toBeVisible();
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await expect(page.getByText('Later syncs will leave the name, the description and the tags alone')).toBeVisible();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Shoppers');

  await push(server, place, 'intent', 'High intent, renamed there', { add: ['cy'] });
  const segment = await server.api('GET', `/segments/${place.project}/${place.environment}/rudderstack-intent`);
  expect(segment).toMatchObject({ name: 'Shoppers', description: 'Cart over 80 EUR', tags: ['autumn', 'growth'], _unboundedMetadata: { includedCount: 3 } });
  await expect(page.getByText(/^Edited by .+ on .+RudderStack calls it “High intent, renamed there”; syncs will not change this field\./)).toBeVisible();
  await page.getByRole('button', { name: 'Follow the tool again' }).first().click();
  await expect(page.getByLabel('Name', { exact: true })).toHaveValue('High intent, renamed there');
  await expect(page.getByText('Follows RudderStack until you edit it.')).toBeVisible();
});

test('who edits what somebody else has changed meanwhile is told, and decides', async ({ page, place, server }) => {
  const segments = `/segments/${place.project}/${place.environment}`;
  await server.api('POST', segments, { key: 'both', name: 'Both', unbounded: true });
  await page.goto(at(place, 'segments/both/settings'));
  await page.getByLabel('Name', { exact: true }).fill('Mine');
  await server.api('PATCH', `${segments}/both`, [{ op: 'replace', path: '/name', value: 'Theirs' }]);
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await expect(page.getByText('Somebody changed this segment meanwhile.')).toBeVisible();
  await expect(page.getByText('Name is now “Theirs”.')).toBeVisible();
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Mine');
  expect(await server.api('GET', `${segments}/both`)).toMatchObject({ name: 'Mine' });
});

test('a sync is seen as it happens, and members by their key', async ({ page, place, server }) => {
  await push(server, place, 'live', 'Live one', { add: ['ann'] });
  await page.goto(at(place, 'segments/rudderstack-live'));
  const members = page.locator('dl div').filter({ has: page.getByText('Members', { exact: true }) }).locator('dd').first();
  await expect(members).toHaveText('1');
  await expect(page.getByText('Connected', { exact: true })).toBeVisible();
  await push(server, place, 'live', 'Live one', { add: ['bo', 'cy'] });
  await expect(members).toHaveText('3');
  await expect(page.getByRole('list', { name: 'Latest syncs' }).getByText('+2')).toBeVisible();

  await push(server, place, 'live', 'Live one', { remove: ['cy'] });
  await page.getByRole('link', { name: 'Members', exact: true }).click();
  await page.getByLabel('Search members').fill('bo');
  await expect(page.getByText('1 key that starts with “bo”')).toBeVisible();
  await page.getByRole('button', { name: 'Why in?' }).click();
  await expect(page.getByRole('dialog').getByText('RudderStack added this key and nothing has removed it since.')).toBeVisible();
  await expectAccessible(page);
  await page.getByRole('button', { name: 'Close' }).click();
  const download = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Export' }).click();
  await page.getByRole('menuitem', { name: 'CSV, one key a row' }).click();
  expect((await download).suggestedFilename()).toMatch(/\.csv$/);
  await page.getByLabel('Search members').fill('cy');
  await page.getByRole('button', { name: 'Why not in?' }).click();
  await expect(page.getByRole('dialog').getByRole('list', { name: 'Timeline in this segment' }).getByRole('listitem')).toHaveCount(2);
});

test('a full sync that comes page by page is syncing wherever its segment is shown, until it is published', async ({ page, context, place, server }) => {
  const paged = (session: string, number: number, of: number, keys: string[]) => pushPage(server, place, 'paged', 'Paged', { session, number, of, keys });
  await paged('first', 1, 1, keysOf(40));
  const list = await context.newPage();
  await list.goto(at(place, 'segments'));
  await page.goto(at(place, 'segments/mixpanel-paged'));
  const pills = [list.getByRole('row', { name: /Paged/ }), page.getByRole('main')].map((where) => where.getByRole('img', { name: /^State: / }).first());
  for (const pill of pills) await expect(pill).toHaveAccessibleName('State: Live');
  for (const one of [page, list]) await expect(one.getByText('Connected', { exact: true })).toBeVisible();

  await paged('second', 1, 2, keysOf(30, 10));
  const card = page.getByRole('region', { name: 'Full replace from Mixpanel' });
  await expect(card.getByRole('img', { name: 'State: Syncing' })).toBeVisible();
  await expect(card).toContainText('Readers still see the 40 members');
  await expect(card.getByRole('progressbar', { name: 'Sync progress' })).toHaveAttribute('aria-valuetext', '30 received');
  for (const pill of pills) await expect(pill).toHaveAccessibleName('State: Syncing');
  await page.reload();
  for (const pill of [...pills, card.getByRole('img', { name: /^State: / })]) await expect(pill).toHaveAccessibleName('State: Syncing');
  await expect(page.getByText('Connected', { exact: true })).toBeVisible();

  await paged('second', 2, 2, keysOf(30, 40));
  for (const pill of pills) await expect(pill).toHaveAccessibleName('State: Live');
  await expect(card.getByRole('img', { name: 'State: Syncing' })).toHaveCount(0);
  await expect(list.getByRole('row', { name: /Paged/ }).getByRole('cell').nth(1)).toContainText('60');

  // Syncs that come at the same moment are counted each.
  await page.bringToFront();
  await page.getByRole('link', { name: 'Syncs', exact: true }).last().click();
  await expect(page.getByRole('table', { name: 'Syncs' }).getByRole('row')).toHaveCount(3);
  await Promise.all([0, 1, 2].map((n) => paged(`at once ${n}`, 1, 1, keysOf(60 + n, 10))));
  await expect(page.getByRole('button', { name: '3 new syncs. Show' })).toBeVisible();
});

/** The lines in which a text stands. */
function linesOf(text: Locator): Promise<string[]> {
  return text.evaluate((element) => {
    const lines = new Map<number, string>();
    for (const node of element.childNodes) {
      for (let i = 0; i < (node.textContent ?? '').length; i++) {
        const letter = document.createRange();
        letter.setStart(node, i);
        letter.setEnd(node, i + 1);
        const { top } = letter.getBoundingClientRect();
        lines.set(top, (lines.get(top) ?? '') + letter.toString());
      }
    }
    return [...lines.values()];
  });
}

test('long keys of members are read whole, and the drawer is as wide as it is drawn', async ({ page, place, server }) => {
  const long = `newsletter-subscriber:${'0123456789'.repeat(12)}@customers.example.org`;
  await segment(server, place, 'hand', 'By hand', [long, 'maximiliane.oberschneider@newsletter.example.org']);
  await page.setViewportSize({ width: 360, height: 780 });
  await page.goto(at(place, 'segments/hand/members'));
  const email = page.getByText('maximiliane.oberschneider@newsletter.example.org', { exact: true });
  await expect(email).toBeVisible();
  // Lines end behind what separates the words of a key, never within one.
  const lines = await linesOf(email);
  expect(lines.length).toBeGreaterThan(1);
  for (const line of lines.slice(0, -1)) expect(line).toMatch(/[@.]$/);
  await expectNoSidewaysScroll(page);
  const cut = page.getByRole('row').filter({ hasText: 'newsletter-subscriber' }).getByText('…');
  await cut.focus();
  await expect(page.getByRole('tooltip')).toHaveText(long);
  await cut.blur();
  await expect(page.getByRole('tooltip')).toHaveCount(0);
  await inBothThemes(page, () => expectAccessible(page));

  await page.setViewportSize({ width: 1360, height: 900 });
  await page.getByRole('button', { name: 'Why in?' }).first().click();
  expect((await page.getByRole('dialog').boundingBox())?.width).toBe(480);
});

test('a held sync is released by a person', async ({ page, place, server }) => {
  await push(server, place, 'churn', 'Churn risk', { add: keysOf(2000) });
  await push(server, place, 'churn', 'Churn risk', { remove: keysOf(900) });
  await page.goto(at(place, 'segments/rudderstack-churn/syncs'));
  await page.getByRole('row', { name: /Held/ }).getByRole('link').click();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('This sync would remove 900 members');
  await expectAccessible(page);
  const lookUp = page.getByRole('search', { name: 'Look up one key in it' });
  for (const [key, words] of [[keysOf(1)[0], 'is in and would leave.'], [keysOf(1000)[999], 'is in and would stay.'], ['nobody', 'is not in, and would not join.']] as const) {
    await lookUp.getByLabel('Look up one key in it').fill(key ?? '');
    await lookUp.getByRole('button', { name: 'Look up' }).click();
    await expect(lookUp.getByRole('status')).toHaveText(`${key} ${words}`);
  }
  const downloading = page.waitForEvent('download');
  await page.getByRole('link', { name: 'Download the full diff' }).click();
  const rows = readFileSync(await (await downloading).path(), 'utf8').trimEnd().split('\n');
  expect(rows[0]).toBe('change,key,hash');
  expect(rows.slice(1).sort()).toEqual(keysOf(900).map((key) => `removed,${key},`).sort());
  await page.getByLabel('Note for the audit log').fill('The audience was halved on purpose');
  await page.getByRole('button', { name: 'Release: remove 900…' }).click();
  await expect(page.getByRole('button', { name: 'Cancel' })).toBeFocused();
  await page.getByRole('button', { name: 'Release and remove 900' }).click();
  await expect(page.getByText('Released: 900 members left and 0 joined.')).toBeVisible();
  await expect(page.getByRole('heading', { level: 1, name: 'Delta of Churn risk' })).toBeFocused();
  await expect(page.getByRole('button', { name: 'Discard this sync' })).toHaveCount(0);
  expect(await server.api('GET', `/segments/${place.project}/${place.environment}/rudderstack-churn`)).toMatchObject({ _unboundedMetadata: { includedCount: 1100 } });
});

test('a held sync is discarded, which is taken back, and then released', async ({ page, place, server }) => {
  const key = 'rudderstack-lapsed';
  const segment = () => server.api('GET', `/segments/${place.project}/${place.environment}/${key}`);
  await push(server, place, 'lapsed', 'Lapsed', { add: keysOf(2000) });
  await push(server, place, 'lapsed', 'Lapsed', { remove: keysOf(900) });
  await page.goto(at(place, `segments/${key}/syncs`));
  await page.getByRole('row', { name: /Held/ }).getByRole('link').click();
  await page.getByRole('button', { name: 'Discard this sync' }).click();
  const said = page.getByRole('status').filter({ hasText: /^Discarded. The 2,000 members of .+ stay. Undo$/ });
  await expect(said).toBeVisible();
  await expect(page.getByRole('img', { name: 'State: Discarded' })).toBeVisible();
  expect(await segment()).toMatchObject({ _muster: { state: 'live', drifted: true, hold: null } });
  // What comes meanwhile stays.
  await push(server, place, 'lapsed', 'Lapsed', { add: [...keysOf(1), 'newcomer'] });
  await said.getByRole('button', { name: 'Undo' }).click();
  await expect(page.getByText('Held again. Nothing has changed.')).toBeVisible();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('This sync would remove 899 members');
  expect(await segment()).toMatchObject({ _unboundedMetadata: { includedCount: 2001 }, _muster: { state: 'held', drifted: false } });

  // Who comes to the page later finds the way back there.
  await page.getByRole('button', { name: 'Discard this sync' }).click();
  await expect(page.getByText(/^Discarded: nothing changed\. .* It can be held again until /)).toBeVisible();
  await page.reload();
  await inBothThemes(page, () => expectAccessible(page));
  await page.getByRole('button', { name: 'Hold again' }).click();
  await page.getByRole('button', { name: 'Release: remove 899…' }).click();
  await page.getByRole('button', { name: 'Release and remove 899' }).click();
  await expect(page.getByText('Released: 899 members left and 0 joined.')).toBeVisible();
  expect(await segment()).toMatchObject({ _unboundedMetadata: { includedCount: 1102 }, _muster: { state: 'live', drifted: false } });
});

test('a discard is final once another sync is held', async ({ page, place, server }) => {
  const key = 'rudderstack-final';
  await push(server, place, 'final', 'Final', { add: keysOf(2000) });
  await push(server, place, 'final', 'Final', { remove: keysOf(900) });
  await page.goto(at(place, `segments/${key}/syncs`));
  await page.getByRole('row', { name: /Held/ }).getByRole('link').click();
  await page.getByRole('button', { name: 'Discard this sync' }).click();
  const undo = page.getByRole('status').getByRole('button', { name: 'Undo' });
  await expect(undo).toBeVisible();
  await push(server, place, 'final', 'Final', { remove: keysOf(1000) });
  await undo.click();
  await expect(page.getByText(/^The sync stays discarded\. Run .* can't be held again, because run .* is held since/)).toBeVisible();
  await expect(page.getByRole('button', { name: 'Hold again' })).toHaveCount(0);
});

test('members go back to a point, and forward again', async ({ page, place, server }) => {
  await server.api('POST', `/segments/${place.project}/${place.environment}`, { key: 'vips', name: 'VIPs', unbounded: true });
  await replace(server, place, 'vips', keysOf(50));
  await replace(server, place, 'vips', keysOf(55, 5));
  // Where the difference takes long, the sizes are there at once.
  let answer = () => {};
  const late = new Promise<void>((resolve) => { answer = resolve; });
  await page.route('**/points/*/diff**', async (route) => {
    await late;
    await route.continue();
  });
  await page.goto(at(place, 'segments/vips/history'));
  await page.getByRole('button', { name: 'Roll back to' }).click();
  await expect(page.getByRole('dialog').getByRole('status')).toContainText('members now, 50 after. Who leaves and who comes back is being counted');
  answer();
  const dialog = page.getByRole('dialog');
  await expect(dialog.getByText('Will come back').first()).toBeVisible();
  await expect(dialog.locator('dd')).toHaveText(['55', '−10 18.2 %', '+5 9.1 %', '50']);
  await expectAccessible(page);
  const downloading = page.waitForEvent('download');
  await dialog.getByRole('link', { name: 'Download the full diff' }).click();
  const rows = readFileSync(await (await downloading).path(), 'utf8').trimEnd().split('\n');
  expect(rows.filter((row) => row.startsWith('removed,user-'))).toHaveLength(10);
  expect(rows.filter((row) => row.startsWith('added,user-'))).toHaveLength(5);
  await dialog.getByRole('button', { name: 'Roll back to 50 members' }).click();
  await expect(page.getByText(/Rolled back to 50 members in/)).toBeVisible();
  expect(await server.api('GET', `/segments/${place.project}/${place.environment}/vips`)).toMatchObject({ _unboundedMetadata: { includedCount: 50 } });
  await page.getByRole('button', { name: 'Undo' }).click();
  await expect(page.getByText('Rolled forward to 55 members.')).toBeVisible();

  await page.getByRole('button', { name: /^Keep this one/ }).first().click();
  const letGo = page.getByRole('button', { name: /^Let go/ });
  await expect(letGo).toBeVisible();
  await expectAccessible(page);
  await page.reload();
  await letGo.click();
  await expect(letGo).toHaveCount(0);
});

test('every tab is accessible in both themes', async ({ page, place, server }) => {
  await push(server, place, 'tabs', 'All tabs', { add: keysOf(30) });
  await server.api('POST', `/flags/${place.project}`, { key: 'banner', name: 'Banner' });
  await server.api('PATCH', `/flags/${place.project}/banner`, [
    { op: 'add', path: '/environments/production/rules/-', value: { variation: 0, clauses: [{ attribute: '', op: 'segmentMatch', values: ['rudderstack-tabs'], negate: true }] } },
  ]);
  for (const tab of ['Overview', 'Members', 'Syncs', 'Flags', 'History', 'Settings']) {
    await page.goto(at(place, `segments/rudderstack-tabs${tab === 'Overview' ? '' : `/${tab.toLowerCase()}`}`));
    await expect(page.getByRole('navigation', { name: 'All tabs' }).getByRole('link', { name: tab })).toHaveAttribute('aria-current', 'page');
    await expect(page.locator('[aria-busy="true"]')).toHaveCount(0);
    if (tab === 'Overview') await expect(page.locator('.recharts-surface').first()).toBeVisible();
    await inBothThemes(page, () => expectAccessible(page));
  }
  await expect(page.getByText('One flag uses this segment. Remove it from its rules first.')).toBeVisible();
});

test('a segment is moved to a new generation, and its page says whom that waits for', async ({ page, context, place, server }) => {
  await segment(server, place, 'vips', 'Very important', keysOf(3));
  await server.api('POST', `/integration-capabilities/big-segment-store/${place.project}/${place.environment}/redis`, {
    name: 'away', on: true, config: { host: '127.0.0.1', port: String(await freePort()) },
  });
  await page.goto(at(place, 'segments/vips'));
  await expect(page.getByRole('table', { name: 'Who reads it' }).getByText('away')).toBeVisible();
  await page.getByRole('link', { name: 'Settings', exact: true }).last().click();
  const panel = page.getByRole('region', { name: 'Generation' });
  await expect(panel).toContainText('find the members under vips.g1');
  await panel.getByRole('button', { name: 'Move to a new generation…' }).click();
  const dialog = page.getByRole('dialog', { name: 'Move Very important to a new generation?' });
  await expect(dialog).toContainText('takes all 3 members once more');
  await expect(dialog.getByRole('button', { name: 'Cancel' })).toBeFocused();
  await inBothThemes(page, () => expectAccessible(page));
  await dialog.getByLabel('Note for the audit log').fill('The store kept leftovers');
  await dialog.getByRole('button', { name: 'Move 3 members' }).click();
  await expect(page.getByText('Began the move of 3 members to generation 2.')).toBeVisible();
  await expect(panel.getByRole('button', { name: 'Move to a new generation…' })).toHaveAttribute('aria-disabled', 'true');

  await panel.getByRole('link', { name: 'See how far it is' }).click();
  const move = page.getByRole('region', { name: 'Moving to generation 2' });
  await expect(move.getByRole('listitem').filter({ hasText: 'Filling' })).toHaveAttribute('aria-current', 'step');
  await expect(move.getByRole('status')).toHaveText(/^It waits until store away \(\w+\) has taken all members under generation 2\.$/);
  await expect(move).toContainText('Readers see the same members throughout.');
  await page.setViewportSize({ width: 360, height: 800 });
  await page.reload();
  await expect(move).toContainText('Readers see the same members throughout.');
  await expectNoSidewaysScroll(page);
  await inBothThemes(page, () => expectAccessible(page));
  const { items } = await server.api<{ items: { titleVerb: string; comment: string }[] }>('GET', '/auditlog?limit=1&q=generation');
  expect(items).toMatchObject([{ titleVerb: 'began the move to generation 2 of', comment: 'The store kept leftovers' }]);

  await segment(server, place, 'others', 'Others');
  const { token } = await server.api<{ token: string }>('POST', '/tokens', { name: 'a reader', role: 'reader' });
  await context.clearCookies();
  await signIn(context, server, token);
  await page.goto(at(place, 'segments/others/settings'));
  const button = page.getByRole('button', { name: 'Move to a new generation…' });
  await expect(button).toHaveAttribute('aria-disabled', 'true');
  await button.focus();
  await expect(page.getByText('Needs updateEnvironmentSettings on this environment. Ask an admin.')).toBeVisible();
});

test('the end of a move is seen without asking again', async ({ browser, complaints }) => {
  const own = await Server.start('--sdk-cache', '500ms', '--move-patience', '500ms');
  const context = await browser.newContext({ baseURL: own.url });
  complaints.listen(context);
  await signIn(context, own);
  const page = await context.newPage();
  const place = { project: 'default', environment: 'production' };
  await segment(own, place, 'vips', 'Very important', keysOf(3));
  await page.goto(at(place, 'segments/vips/settings'));
  const panel = page.getByRole('region', { name: 'Generation' });
  await expect(panel).toContainText('find the members under vips.g1');
  await expect(page.getByText('Connected', { exact: true })).toBeVisible();
  await own.api('POST', `/segments/${place.project}/${place.environment}/vips/generation-moves`, {});
  await expect(panel).toContainText('find the members under vips.g2');
  await expect(panel.getByRole('button', { name: 'Move to a new generation…' })).not.toHaveAttribute('aria-disabled', 'true');
  await expect(panel.getByRole('link')).toHaveCount(0);
  await context.close();
  await own.remove();
});
