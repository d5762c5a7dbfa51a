import { keysOf, push, replace } from './sample';
import { expect, expectAccessible, expectNoSidewaysScroll, inBothThemes, signIn, test } from './test';

test('the audit log tells of a push, a rename, a rollback and a token, and what each changed', async ({ page, place, server }) => {
  const { _id: tokenId, token } = await server.api<{ _id: string; token: string }>('POST', '/tokens', {
    name: `rudder of ${place.project}`, serviceToken: true,
    inlineRole: [{ effect: 'allow', actions: ['createSegment', 'updateIncluded'], resources: [`proj/${place.project}:env/*:segment/*`] }],
  });
  const { _id } = await server.api<{ _id: string }>('GET', `/projects/${place.project}/environments/${place.environment}`);
  const pushed = await fetch(`${server.url}/api/v2/segment-targets/rudderstack`, {
    method: 'POST', headers: { 'Authorization': token, 'Content-Type': 'application/json' },
    body: JSON.stringify({ environmentId: _id, cohortId: 'vip', cohortName: 'VIPs', listData: { add: [{ id: 'ann' }, { id: 'bo' }], remove: [] } }),
  });
  expect(pushed.status).toBe(204);
  const segment = `/segments/${place.project}/${place.environment}/rudderstack-vip`;
  await server.api('PATCH', segment, { patch: [{ op: 'replace', path: '/name', value: 'Very important' }, { op: 'add', path: '/tags/-', value: 'gold' }], comment: 'as agreed' });
  await server.api('POST', `/segments/${place.project}/${place.environment}`, { key: 'list', name: 'A list', unbounded: true });
  await replace(server, place, 'list', keysOf(5));
  await replace(server, place, 'list', keysOf(7));
  const points = await server.api<{ items: { _id: string; current: boolean }[] }>('GET', `/segments/${place.project}/${place.environment}/list/points`);
  await server.api('POST', `/segments/${place.project}/${place.environment}/list/points/${points.items.find((point) => !point.current)?._id}/publish`, { comment: 'too many' });

  await page.goto(`/ui/audit?resource=${encodeURIComponent(`proj/${place.project}:env/*:segment/*`)}`);
  const rows = page.getByRole('table', { name: 'Audit log' }).getByRole('row');
  const row = (name: string) => page.getByRole('row').filter({ has: page.getByRole('link', { name, exact: true }) });
  await expect(row('Created and synced VIPs')).toContainText(`rudder of ${place.project}`);
  await expect(row('Created and synced VIPs')).toContainText('Service token');
  await expect(row('Created and synced VIPs')).toContainText(`${place.project}, production`);
  await expect(row('Updated the segment Very important')).toContainText('as agreed');
  await expect(row('Rolled back the members of A list')).toContainText('too many');
  await inBothThemes(page, () => expectAccessible(page));
  await page.setViewportSize({ width: 360, height: 780 });
  await expectNoSidewaysScroll(page);
  await page.setViewportSize({ width: 1360, height: 900 });

  await row('Updated the segment Very important').getByRole('link').click();
  await expect(page).toHaveURL(/\/audit\/[0-9a-f]{24}\?resource=/);
  const drawer = page.getByRole('dialog');
  const changed = drawer.getByRole('region', { name: 'What changed' });
  await expect(changed).toContainText('was VIPs');
  await expect(changed).toContainText('is Very important');
  await expect(changed).toContainText('is gold');
  await expect(drawer.getByRole('region', { name: 'By which rights' })).toContainText('updateTags');
  await inBothThemes(page, () => expectAccessible(page));
  await page.reload();
  await expect(changed).toContainText('is Very important');
  await page.keyboard.press('Escape');
  await expect(page).toHaveURL(/\/audit\?resource=/);
  await expect(drawer).toBeHidden();

  await page.getByLabel('Search the audit log').fill('as agreed');
  await expect(rows).toHaveCount(2);
  await expect(page).toHaveURL(/q=as\+agreed/);
  await page.getByLabel('Search the audit log').fill('nothing of the sort');
  await expect(page.getByRole('heading', { name: 'Nothing matches these filters.' })).toBeVisible();
  await page.getByRole('button', { name: 'Clear filters' }).click();
  await expect(page).toHaveURL(/\/audit$/);
  await expect(page.getByLabel('Search the audit log')).toHaveValue('');

  // Who: the token that pushed, and whoever made it.
  await page.getByRole('combobox', { name: 'Who' }).fill(`rudder of ${place.project}`);
  await page.getByRole('option', { name: `rudder of ${place.project}` }).click();
  await expect(page).toHaveURL(new RegExp(`actor=${tokenId}`));
  await expect(rows).toHaveCount(2);
  await page.goto(`/ui/audit?q=${encodeURIComponent(`rudder of ${place.project}`)}`);
  await row(`Created the access token rudder of ${place.project}`).getByRole('link').click();
  await expect(drawer.getByRole('link', { name: `rudder of ${place.project}` })).toHaveAttribute('href', new RegExp(`/ui/access/tokens\\?token=${tokenId}`));
  await expect(drawer).not.toContainText(token);
});

test('who is behind entries is looked for among more people and tokens than can be listed', async ({ page, place, server }) => {
  const named = (name: string) => server.api<{ _id: string }>('POST', '/tokens', { name, role: 'reader', serviceToken: true });
  for (let i = 10; i < 35; i++) await named(`crowd ${i} of ${place.project}`);
  const { _id } = await named(`crowd zebra of ${place.project}`);
  const [member] = (await server.api<{ items: { _id: string }[] }>('POST', '/members', [{ email: `zora.${place.project}@example.org`, firstName: 'Zora', lastName: `of ${place.project}`, role: 'reader' }])).items;

  await page.goto('/ui/audit');
  const who = page.getByRole('combobox', { name: 'Who' });
  const options = page.getByRole('option');
  await who.fill(`of ${place.project}`);
  await expect(page.getByRole('group', { name: 'Tokens' }).getByRole('option')).toHaveCount(20);
  await expect(page.getByRole('group', { name: 'People' }).getByRole('option')).toHaveText([`Zora of ${place.project}`]);
  await inBothThemes(page, () => expectAccessible(page));
  await who.fill('nobody of this name');
  await expect(page.getByText('Nobody is called so')).toBeVisible();
  await who.fill(`zebra of ${place.project}`);
  await expect(options).toHaveText([`crowd zebra of ${place.project}`]);
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(new RegExp(`actor=${_id}`));
  // Whoever is named by the address is shown by name, also when others are found first.
  await page.reload();
  await expect(who).toHaveValue(`crowd zebra of ${place.project}`);
  await page.goto(`/ui/audit?actor=${member?._id}`);
  await expect(who).toHaveValue(`Zora of ${place.project}`);
});

test('new entries are announced as they are written, and the log is read by pages and days', async ({ page, context, place, server }) => {
  const names = Array.from({ length: 24 }, (_, i) => `made-${i + 1}`);
  for (const key of names) await server.api('POST', `/segments/${place.project}/${place.environment}`, { key, name: key });
  const { token } = await server.api<{ token: string }>('POST', '/tokens', {
    name: 'narrow', serviceToken: true, inlineRole: [{ effect: 'allow', actions: ['viewProject'], resources: [`proj/${place.project}`] }],
  });
  // Somebody who sees this project only is told of nothing else.
  await context.clearCookies();
  await signIn(context, server, token);
  await page.goto('/ui/audit');
  const table = page.getByRole('table', { name: 'Audit log' });
  await expect(table.getByRole('row')).toHaveCount(21);
  await expect(table.getByRole('rowheader').first()).toHaveText('Created the segment made-24');
  await page.keyboard.press('j');
  await expect(page.getByRole('link', { name: 'Created the segment made-24' })).toBeFocused();
  await page.getByRole('button', { name: 'Older' }).click();
  await expect(page).toHaveURL(/cursor=\d+/);
  await expect(page.getByRole('link', { name: 'Created the segment made-1', exact: true })).toBeVisible();
  await page.goBack();
  await expect(table.getByRole('rowheader').first()).toHaveText('Created the segment made-24');

  await expect(page.getByText('Connected', { exact: true })).toBeVisible();
  await push(server, place, 'live', 'Live one', { add: ['ann'] });
  await expect(page.getByText('1 new entry')).toBeVisible();
  await expect(table.getByRole('rowheader').first()).toHaveText('Created the segment made-24');
  await expectAccessible(page);
  await page.getByRole('button', { name: 'Show', exact: true }).click();
  await expect(table.getByRole('rowheader').first()).toHaveText('Created and synced Live one');
  await expect(page.getByText('1 new entry')).toBeHidden();

  await page.getByLabel('To this day').fill('2020-01-31');
  await expect(page).toHaveURL(/to=2020-01-31/);
  await expect(page.getByRole('heading', { name: 'Nothing matches these filters.' })).toBeVisible();
  await page.getByLabel('To this day').fill('');
  await page.getByLabel('From this day').fill('2020-01-01');
  await expect(table.getByRole('row')).toHaveCount(21);
});
