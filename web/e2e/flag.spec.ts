import { report } from './sample';
import type { Server } from './server';
import { at, expect, expectAccessible, expectNoSidewaysScroll, heldBack, inBothThemes, test, type Place } from './test';

interface Flag {
  name: string;
  archived: boolean;
  temporary: boolean;
  description?: string;
  tags: string[];
  clientSideAvailability: { usingEnvironmentId: boolean };
  variations: { _id: string; value: unknown; name?: string }[];
  defaults: { onVariation: number; offVariation: number };
}

const read = (server: Server, place: Place, key: string) => server.api<Flag>('GET', `/flags/${place.project}/${key}`);

async function instruct(server: Server, place: Place, key: string, ...instructions: object[]) {
  await server.api('PATCH', `/flags/${place.project}/${key}`, { environmentKey: place.environment, instructions }, {
    'Content-Type': 'application/json; domain-model=launchdarkly.semanticpatch',
  });
}

test('the variations of a flag are edited, added and removed; what is served stays', async ({ page, place, server }) => {
  await server.api('POST', `/flags/${place.project}`, {
    key: 'offer', name: 'Offer', variations: [{ value: 'twenty', name: '20 %' }, { value: 'ten' }, { value: 'none' }], defaults: { onVariation: 0, offVariation: 2 },
  });
  await page.goto(at(place, 'flags/offer/variations'));
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Offer');
  const first = page.getByRole('listitem', { name: 'Variation 1' });
  await expect(first).toContainText('Served in Production: everyone else');
  await expect(page.getByRole('button', { name: 'Remove variation 1' })).toHaveAttribute('aria-disabled', 'true');
  await page.getByRole('button', { name: 'Remove variation 1' }).focus();
  await expect(page.getByRole('tooltip')).toContainText('It is served in Production: everyone else');

  await page.getByLabel('Value of variation 1').fill('a quarter');
  await page.getByRole('button', { name: 'Remove variation 2' }).click();
  await page.getByRole('button', { name: 'Add variation' }).click();
  await page.getByLabel('Value of variation 3').fill('none');
  await expect(page.getByText('3 unsaved changes')).toBeVisible();
  await page.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByText('Variation 2 has this value already.')).toBeVisible();
  await page.getByLabel('Value of variation 3').fill('half');
  await page.getByLabel('Description of variation 3').fill('For the patient');
  await page.getByRole('combobox', { name: 'Default when on' }).click();
  await page.getByRole('option', { name: 'half' }).click();
  // Somebody else changes the flag in the meantime: nothing of theirs is lost.
  await instruct(server, place, 'offer', { kind: 'updateVariation', variationId: (await read(server, place, 'offer')).variations[2]?._id, name: 'Nothing' });
  await page.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByRole('alert')).toContainText('Somebody changed this flag meanwhile. Your edits are kept.');
  await page.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByText('unsaved change')).toHaveCount(0);
  const { variations, defaults } = await read(server, place, 'offer');
  expect(variations.map(({ value, name }) => [value, name])).toEqual([['a quarter', '20 %'], ['none', 'Nothing'], ['half', undefined]]);
  expect(defaults).toEqual({ onVariation: 2, offVariation: 1 });
  await page.setViewportSize({ width: 360, height: 800 });
  await expectNoSidewaysScroll(page);
  await inBothThemes(page, () => expectAccessible(page));
});

test('variations that are typed while others are saved are not lost', async ({ page, place, server }) => {
  await server.api('POST', `/flags/${place.project}`, { key: 'offer', name: 'Offer', variations: [{ value: 'twenty' }, { value: 'none' }] });
  await page.goto(at(place, 'flags/offer/variations'));
  await page.getByRole('button', { name: 'Add variation' }).click();
  await page.getByLabel('Value of variation 3').fill('half');
  const saving = await heldBack(page, 'PATCH', `**/flags/${place.project}/offer*`);
  await page.getByRole('button', { name: 'Save' }).click();
  await expect.poll(saving.arrived).toBe(true);
  await page.getByLabel('Name of variation 1').fill('A fifth');
  await page.getByLabel('Name of variation 3').fill('Half');
  saving.let();
  await expect(page.getByText('Saved. SDKs serve the new values within moments.')).toBeVisible();
  await expect(page.getByText('2 unsaved changes')).toBeVisible();
  await expect(page.getByLabel('Name of variation 3')).toBeFocused();
  await page.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByText('unsaved change')).toHaveCount(0);
  const { variations } = await read(server, place, 'offer');
  expect(variations.map(({ value, name }) => [value, name])).toEqual([['twenty', 'A fifth'], ['none', undefined], ['half', 'Half']]);
});

test('how often a flag is evaluated, and by which SDKs', async ({ page, place, server }) => {
  await server.api('POST', `/flags/${place.project}`, { key: 'banner', name: 'Banner' });
  await page.goto(at(place, 'flags/banner'));
  await page.getByRole('link', { name: 'Evaluations' }).click();
  await expect(page.getByText('No SDK has reported an evaluation in 24 hours')).toBeVisible();
  await report(server, place, 'banner', [1_200, 34]);
  const evaluations = `/usage/evaluations/${place.project}/${place.environment}/banner`;
  await expect.poll(async () => (await server.api<{ series: object[] }>('GET', evaluations)).series.length).toBe(1);
  await page.reload();
  await expect(page.getByRole('group', { name: '1,234 evaluations in 24 hours: true 97.2 %, false 2.8 %.' })).toBeVisible();
  await expect(page.getByText('1,234 evaluations in 24 h', { exact: true })).toBeVisible();
  await expect(page.getByText('GoClient 7.14.6')).toBeVisible();
  await expect(page.getByText('"old"')).toBeVisible();
  await inBothThemes(page, () => expectAccessible(page));
  await page.getByRole('button', { name: 'View as table' }).click();
  const hour = page.getByRole('region', { name: 'Evaluations as a table' }).getByRole('row').nth(1);
  await expect(hour.getByRole('cell')).toHaveText(['1,200', '34', '1,234']);
  await page.getByText('7 days').click();
  await expect(page).toHaveURL(/range=7d/);
  await expect(hour.getByRole('cell')).toHaveText(['1,200', '34', '1,234']);
  await page.setViewportSize({ width: 360, height: 800 });
  await expectNoSidewaysScroll(page);
  await expectAccessible(page);
});

test('the history of a flag says who changed what, field by field', async ({ page, place, server }) => {
  await server.api('POST', `/flags/${place.project}`, { key: 'banner', name: 'Banner', tags: ['growth'] });
  await page.goto(at(place, 'flags/banner/history'));
  const history = page.getByRole('list', { name: 'History' });
  await expect(history.getByRole('listitem')).toHaveCount(1);
  // What happens while the page is open comes by itself.
  await expect(page.getByText('Connected', { exact: true })).toBeVisible();
  await instruct(server, place, 'banner', { kind: 'turnFlagOn' });
  await expect(history.getByRole('listitem')).toHaveCount(2);
  await expect(history.getByRole('listitem').first()).toContainText('in Production');
  await server.api('PATCH', `/flags/${place.project}/banner`, { comment: 'Marketing asked', patch: [{ op: 'replace', path: '/name', value: 'The banner' }, { op: 'replace', path: '/tags', value: ['sales'] }] });
  await page.reload();
  const newest = history.getByRole('listitem').first();
  await expect(newest).toContainText('in all environments');
  await expect(newest).toContainText('“Marketing asked”');
  await newest.getByRole('button', { name: /Show what changed/ }).click();
  await expect(page).toHaveURL(/entry=/);
  await expect(newest.getByRole('definition')).toHaveText(['−was Banner', '+is The banner', '−was growth', '+is sales']);
  await page.reload();
  await expect(newest.getByRole('definition')).toHaveCount(4);
  await inBothThemes(page, () => expectAccessible(page));
  await page.setViewportSize({ width: 360, height: 800 });
  await expectNoSidewaysScroll(page);
});

test('the settings of a flag: its details, the archive, and its end', async ({ page, place, server }) => {
  const flags = `/flags/${place.project}`;
  await server.api('POST', flags, { key: 'banner', name: 'Banner' });
  await server.api('POST', flags, { key: 'checkout', name: 'Checkout' });
  const { variations } = await read(server, place, 'banner');
  await instruct(server, place, 'checkout', { kind: 'addPrerequisite', key: 'banner', variationId: variations[0]?._id });
  await page.goto(at(place, 'flags/banner/settings'));
  await page.getByLabel('Description', { exact: true }).fill('Asks for a newsletter');
  await page.getByRole('combobox', { name: 'Tags' }).fill('growth');
  await page.keyboard.press('Enter');
  await page.getByLabel('SDKs with the client-side ID').click();
  await page.getByLabel('Temporary').click();
  await page.getByRole('combobox', { name: 'Maintainer' }).click();
  await page.getByRole('option').first().click();
  await expect(page.getByText('5 unsaved changes')).toBeVisible();
  await page.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByText('unsaved change')).toHaveCount(0);
  const saved = await read(server, place, 'banner');
  expect([saved.description, saved.tags, saved.clientSideAvailability.usingEnvironmentId, saved.temporary]).toEqual(['Asks for a newsletter', ['growth'], true, false]);

  // Another flag needs it: it is named, and has to let go first.
  const remove = page.getByRole('button', { name: 'Delete flag…' });
  await expect(remove).toHaveAttribute('aria-disabled', 'true');
  await expect(page.getByRole('link', { name: 'Checkout' }).first()).toBeVisible();
  await instruct(server, place, 'checkout', { kind: 'removePrerequisite', key: 'banner' });
  await expect(remove).not.toHaveAttribute('aria-disabled', 'true');

  const dialog = page.getByRole('dialog');
  await page.getByRole('button', { name: 'Archive flag…' }).click();
  await expectAccessible(page);
  await dialog.getByRole('button', { name: 'Archive flag', exact: true }).click();
  await expect(page.getByRole('img', { name: /State: Archived/ })).toBeVisible();
  expect((await read(server, place, 'banner')).archived).toBe(true);
  await page.setViewportSize({ width: 360, height: 800 });
  await expectNoSidewaysScroll(page);
  await inBothThemes(page, () => expectAccessible(page));
  await remove.click();
  await expect(dialog.getByRole('button', { name: 'Delete flag', exact: true })).toBeDisabled();
  await dialog.getByLabel('Type the key to confirm').fill('banner');
  await dialog.getByRole('button', { name: 'Delete flag', exact: true }).click();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Flags');
  await expect(page.getByRole('row', { name: /Checkout/ })).toBeVisible();
  await page.goto(at(place, 'flags/banner/settings'));
  await expect(page.getByText('There is no flag “banner” in this project.')).toBeVisible();
});
