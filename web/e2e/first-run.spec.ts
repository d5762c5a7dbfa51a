import type { Page } from '@playwright/test';

import { keysOf, replace } from './sample';
import { Server } from './server';
import { Site } from './site';
import { at, expect, test } from './test';

test.use({ signedIn: false });

const visitor = 'ana@example.org';
const others = keysOf(1499);
const key = 'rudderstack-high-intent';

/** What RudderStack sends: changes of an audience in its own form, with the token that the page made. */
interface Audience {
  url: string;
  token: string;
  environmentId: string;
}

async function sync({ url, token, environmentId }: Audience, cohortName: string, change: { add?: readonly string[]; remove?: readonly string[] }) {
  const list = (keys: readonly string[] = []) => keys.map((id) => ({ id }));
  const response = await fetch(url, {
    method: 'POST', headers: { 'Authorization': token, 'Content-Type': 'application/json', 'User-Agent': 'RudderLabs' },
    body: JSON.stringify({ environmentId, cohortId: 'high-intent', cohortName, listData: { add: list(change.add), remove: list(change.remove) } }),
  });
  expect(response.status).toBe(204);
}

/** The text of a block to copy. */
async function copied(page: Page, label: string): Promise<string> {
  return (await page.getByRole('figure', { name: label, exact: true }).locator('pre').textContent()) ?? '';
}

test('from an empty server to a flag that follows a tool, and through a bad sync and a rollback', async ({ browser, complaints }) => {
  const own = await Server.start();
  const site = await Site.start();
  const context = await browser.newContext({ baseURL: own.url, viewport: { width: 1360, height: 900 } });
  complaints.listen(context);
  const page = await context.newPage();
  const place = { project: 'default', environment: 'production' };
  const tab = (name: string) => page.getByRole('navigation', { name: 'High-intent shoppers' }).getByRole('link', { name, exact: true }).click();
  const members = page.locator('dl div').filter({ has: page.getByText('Members', { exact: true }) }).locator('dd').first();

  await test.step('the owner account is made with the code of the start-up output', async () => {
    await page.goto(`/ui/first-run#code=${own.setUpCode}`);
    await page.getByLabel('Your name').fill('Mira Okafor');
    await page.getByLabel('Email').fill('mira@example.org');
    await page.getByLabel('Password', { exact: true }).fill('correct horse battery');
    await page.getByRole('button', { name: 'Create the owner account' }).click();
    await expect(page.getByRole('heading', { name: 'No segments in Production yet' })).toBeVisible();
  });

  const audience = await test.step('RudderStack is connected, with a token of its own', async () => {
    await page.getByRole('link', { name: /^Connect a tool/ }).click();
    await page.getByRole('region', { name: 'Push from a tool' }).getByRole('link', { name: /^RudderStack/ }).click();
    await page.getByRole('button', { name: 'Create token' }).click();
    await page.getByRole('figure', { name: 'Shown once' }).getByRole('button', { name: 'Show' }).click();
    await expect(page.getByText('Waiting for RudderStack.')).toBeVisible();
    await expect(page.getByText('Connected', { exact: true })).toBeVisible();
    return { url: await copied(page, 'URL, method POST'), token: await copied(page, 'Shown once'), environmentId: await copied(page, 'Environment id') };
  });

  await test.step('its first call is shown, and leads to a segment that is live', async () => {
    await sync(audience, 'High-intent shoppers', { add: others });
    const call = page.getByRole('article');
    await expect(call).toContainText('Accepted');
    await expect(call).toContainText('+1,499');
    await expect(call).toContainText('from RudderLabs');
    await call.getByRole('link', { name: 'Open segment' }).click();
    await expect(page.getByRole('heading', { level: 1 })).toHaveText('High-intent shoppers');
    await expect(page.getByRole('img', { name: 'State: Live' }).first()).toBeVisible();
    await expect(members).toHaveText('1,499');
  });

  const shop = await test.step('a flag serves its members, on a site that somebody has open', async () => {
    await own.api('POST', '/flags/default', { key: 'banner', name: 'High-intent banner', clientSideAvailability: { usingEnvironmentId: true, usingMobileKey: false } });
    await own.api('PATCH', '/flags/default/banner', [
      { op: 'replace', path: '/environments/production/on', value: true },
      { op: 'replace', path: '/environments/production/fallthrough', value: { variation: 1 } },
      { op: 'add', path: '/environments/production/rules/0', value: { variation: 0, clauses: [{ attribute: '', op: 'segmentMatch', values: [key] }] } },
    ]);
    await tab('Flags');
    await expect(page.getByRole('row', { name: /High-intent banner/ })).toContainText('in segment → true');
    const visit = await browser.newContext();
    complaints.listen(visit);
    const shop = await visit.newPage();
    await shop.goto(site.page(own.url, audience.environmentId, visitor, ['banner']));
    await expect(shop.locator('#flags')).toContainText('"value":false,"kind":"FALLTHROUGH"');
    return shop;
  });

  const served = async (value: boolean) => {
    await expect(shop.locator('#flags')).toContainText(`"value":${value}`);
    await expect(shop.locator('#flags')).toContainText('"status":"HEALTHY"');
  };

  await test.step('the next sync shows while it is watched: in the segment, and on the open site', async () => {
    await tab('Overview');
    await sync(audience, 'High-intent shoppers', { add: [visitor] });
    await expect(members).toHaveText('1,500');
    await served(true);
  });

  await test.step('what people edit, syncs leave alone', async () => {
    await tab('Settings');
    await page.getByRole('textbox', { name: 'Description' }).fill('A full cart and no order for a day');
    await page.getByRole('combobox', { name: 'Tags' }).fill('growth');
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Save', exact: true }).click();
    await expect(page.getByText('Later syncs will leave the description and the tags alone.')).toBeVisible();
    await page.getByLabel('Name', { exact: true }).fill('Shoppers');
    await page.getByRole('button', { name: 'Save', exact: true }).click();
    await expect(page.getByRole('heading', { level: 1 })).toHaveText('Shoppers');
    await sync(audience, 'Renamed in RudderStack', { add: ['bo@example.org'] });
    await expect(page.getByText('RudderStack calls it “Renamed in RudderStack”')).toBeVisible();
    await page.reload();
    await expect(page.getByLabel('Name', { exact: true })).toHaveValue('Shoppers');
    await expect(page.getByRole('textbox', { name: 'Description' })).toHaveValue('A full cart and no order for a day');
    await expect(page.getByRole('heading', { level: 1 })).toHaveText('Shoppers');
    expect(await own.api('GET', `/segments/default/production/${key}`)).toMatchObject({ tags: ['growth'], _unboundedMetadata: { includedCount: 1501 } });
  });

  const review = async (what: RegExp) => {
    await page.goto(at(place, 'segments'));
    await page.getByRole('link', { name: 'Review Shoppers' }).click();
    await expect(page.getByRole('heading', { level: 1 })).toHaveText(what);
  };

  await test.step('a bad sync is held, looked at and discarded: nobody leaves', async () => {
    await sync(audience, 'High-intent shoppers', { remove: [visitor, ...others.slice(0, 899)] });
    await review(/^This sync would remove 900 members$/);
    await expect(page.getByText('Nothing has changed.')).toBeVisible();
    await expect(page.getByRole('row', { name: /High-intent banner/ })).toContainText('On');
    await page.getByRole('button', { name: 'Discard this sync' }).click();
    await expect(page.getByRole('status').filter({ hasText: /^Discarded\. The 1,501 members of .+ stay\. Undo$/ })).toBeVisible();
    await served(true);
  });

  await test.step('another is released: they leave, and the open site follows', async () => {
    await sync(audience, 'High-intent shoppers', { remove: [visitor, ...others.slice(0, 700)] });
    await review(/^This sync would remove 701 members$/);
    await page.getByRole('button', { name: 'Release: remove 701…' }).click();
    await page.getByRole('button', { name: 'Release and remove 701' }).click();
    await expect(page.getByText('Released: 701 members left and 0 joined.')).toBeVisible();
    await served(false);
  });

  await test.step('a wrong list is uploaded; going back shows whom it concerns first', async () => {
    await replace(own, place, key, [visitor, ...keysOf(900, 5000)], { override: true });
    await served(true);
    await page.goto(at(place, `segments/${key}`));
    await page.getByRole('button', { name: 'Roll back…' }).click();
    const dialog = page.getByRole('dialog');
    await expect(dialog.locator('dd')).toHaveText(['901', '−901 100 %', '+800 88.8 %', '800']);
    await expect(dialog.getByRole('region', { name: 'Will leave' })).toContainText(/@example\.org/);
    await dialog.getByRole('button', { name: 'Roll back to 800 members' }).click();
    await expect(page.getByText(/Rolled back to 800 members in/)).toBeVisible();
    await expect(page.getByRole('img', { name: 'State: Drifted' }).first()).toBeVisible();
    await served(false);
  });

  await test.step('the visitor’s past is told, sync by sync', async () => {
    await page.goto(at(place, `segments/${key}/members?context=${encodeURIComponent(visitor)}`));
    const past = page.getByRole('dialog').getByRole('list', { name: 'Timeline in this segment' }).getByRole('listitem');
    await expect(past).toHaveText([/A rollback took this key out/, /A list with this key was uploaded/, /RudderStack removed this key/, /RudderStack added this key/]);
  });

  await shop.context().close();
  await context.close();
  await site.end();
  await own.remove();
});
