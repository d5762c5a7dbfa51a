import { keysOf, push } from './sample';
import { at, expect, expectAccessible, expectNoSidewaysScroll, inBothThemes, test } from './test';

test('a source shows what it owns and how it calls, is renamed, disconnected, connected and forgotten', async ({ page, place, server }) => {
  await push(server, place, 'a', 'Alpha', { add: keysOf(40) });
  await push(server, place, 'b', 'Beta', { add: keysOf(2) });
  await page.goto(at(place, 'sources'));
  await page.getByRole('table', { name: 'Connected' }).getByRole('link', { name: 'RudderStack', exact: true }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'RudderStack' })).toBeVisible();
  await expect(page.getByText('2 segments with 42 members')).toBeVisible();
  await expect(page.getByRole('table', { name: 'Segments it owns' }).getByRole('link')).toHaveText(['Alpha', 'Beta']);
  await expect(page.getByRole('region', { name: 'Token', exact: true })).toContainText('2 syncs lately');
  await expect(page.getByRole('article')).toHaveCount(2);
  await inBothThemes(page, () => expectAccessible(page));

  await expect(page.getByText('Connected', { exact: true })).toBeVisible();
  const refused = await fetch(`${server.url}/api/v2/segment-targets/rudderstack`, { method: 'POST', body: '{}' });
  expect(refused.status).toBe(401);
  await expect(page.getByText('The call carried no token.')).toBeVisible();
  await expect(page.getByText('Add the Authorization header of step 3 of “Connect RudderStack” in RudderStack.')).toBeVisible();
  await push(server, place, 'b', 'Beta', { add: keysOf(5) });
  await expect(page.getByText('2 segments with 45 members')).toBeVisible();

  await page.getByLabel('Name', { exact: true }).fill('Warehouse audiences');
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'Warehouse audiences' })).toBeVisible();

  await page.getByLabel('Percent that may leave').fill('10');
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await expect(page.getByText('Saved the guard. It looks at the next sync.')).toBeVisible();
  expect(await server.api('GET', `/segments/${place.project}/${place.environment}/rudderstack-a/guard`)).toMatchObject({ shrinkPercent: 10 });

  await page.getByRole('button', { name: 'Disconnect…' }).click();
  await expect(page.getByRole('dialog')).toContainText('2 segments keep their 45 members and stop changing.');
  await expectAccessible(page);
  await page.getByRole('dialog').getByRole('button', { name: 'Disconnect', exact: true }).click();
  await expect(page.getByRole('img', { name: /^State: Disconnected/ })).toBeVisible();
  await expect(push(server, place, 'a', 'Alpha', { add: ['more'] })).rejects.toThrow(/403.*disconnected/);
  await expect(page.getByText('Warehouse audiences is disconnected from Production.')).toBeVisible();
  await page.setViewportSize({ width: 360, height: 780 });
  await expectNoSidewaysScroll(page);
  // On a narrow page a message may lie over the buttons, for as long as the pointer rests on it.
  await page.setViewportSize({ width: 1360, height: 900 });
  await page.getByRole('button', { name: 'Connect again' }).click();
  await expect(page.getByText('Its next call is taken.')).toBeVisible();
  await push(server, place, 'a', 'Alpha', { add: ['more'] });

  await page.getByRole('button', { name: 'Forget…' }).click();
  await page.getByLabel('Type the key to confirm').fill('rudderstack');
  await page.getByRole('dialog').getByRole('button', { name: 'Forget and keep 2 segments' }).click();
  await expect(page.getByText('No tool has pushed yet')).toBeVisible();
  const kept = await server.api<{ _external?: string }>('GET', `/segments/${place.project}/${place.environment}/rudderstack-a`);
  expect(kept).toMatchObject({ _unboundedMetadata: { includedCount: 41 } });
  expect(kept._external).toBeUndefined();
  await page.goto(at(place, 'sources/nothing'));
  await expect(page.getByRole('heading', { name: 'There is no source “nothing” here' })).toBeVisible();
});
