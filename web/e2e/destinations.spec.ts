import { Redis } from './redis';
import { keysOf, push } from './sample';
import { freePort } from './server';
import { at, expect, expectAccessible, expectNoSidewaysScroll, inBothThemes, signIn, test } from './test';

test('who follows shows while it does, with how far it is', async ({ page, place, server }) => {
  await page.goto(at(place, 'destinations'));
  await expect(page.getByRole('heading', { name: 'Nothing follows yet' })).toBeVisible();
  await inBothThemes(page, () => expectAccessible(page));
  await expect(page.getByText('Connected', { exact: true })).toBeVisible();

  const { apiKey } = await server.api<{ apiKey: string }>('GET', `/projects/${place.project}/environments/${place.environment}`);
  const leave = new AbortController();
  const stream = await fetch(`${server.url}/all`, { headers: { Authorization: apiKey, 'User-Agent': 'GoClient/7.1.0' }, signal: leave.signal });
  expect(stream.status).toBe(200);
  const row = page.getByRole('row', { name: /GoClient/ });
  await expect(row).toContainText('Server-side SDK');
  await expect(row).toContainText('7.1.0');
  await expect(row.getByLabel('State: Up to date')).toBeVisible();
  const revision = row.getByRole('cell').nth(1);
  const before = await revision.textContent();
  await push(server, place, 'alpha', 'Alpha', { add: keysOf(3) });
  await expect(revision).not.toHaveText(before ?? '');
  await page.setViewportSize({ width: 390, height: 800 });
  await expectNoSidewaysScroll(page);
  await inBothThemes(page, () => expectAccessible(page));
  leave.abort();
  await expect(page.getByRole('heading', { name: 'Nothing follows yet' })).toBeVisible();
});

test('a Redis is added, filled, filled again, paused, compared, rebuilt and removed', async ({ page, place, server }) => {
  const redis = await Redis.start();
  const { _id: prefix } = await server.api<{ _id: string }>('GET', `/projects/${place.project}/environments/${place.environment}`);
  const members = () => redis.contexts(prefix);
  const toast = page.getByRole('status');
  try {
    await push(server, place, 'alpha', 'Alpha', { add: keysOf(40) });
    await page.goto(at(place, 'destinations'));
    await expect(page.getByText('Connected', { exact: true })).toBeVisible();

    // What does not work is not made by accident.
    await page.getByRole('button', { name: 'Add destination' }).click();
    const drawer = page.getByRole('dialog', { name: 'Add destination' });
    await drawer.getByLabel('Name', { exact: true }).fill('checkout');
    await drawer.getByLabel('Host').fill('127.0.0.1');
    await drawer.getByLabel('Port').fill(String(await freePort()));
    await expect(drawer.getByRole('button', { name: 'Create' })).toHaveAttribute('aria-disabled', 'true');
    await drawer.getByRole('button', { name: 'Test connection' }).click();
    await expect(drawer.getByRole('alert')).toContainText('It does not work.');
    await expect(drawer.getByLabel('Create though it does not work yet')).toBeVisible();
    await inBothThemes(page, () => expectAccessible(page));
    await drawer.getByLabel('Port').fill(String(redis.port));
    await expect(drawer.getByRole('alert')).toHaveCount(0);
    await drawer.getByRole('button', { name: 'Test connection' }).click();
    await expect(drawer.getByRole('status')).toContainText('It works.');
    await drawer.getByRole('button', { name: 'Create' }).click();
    const row = page.getByRole('row', { name: /checkout/ });
    await expect(row.getByLabel('State: Up to date')).toBeVisible();
    await expect.poll(members).toBe(40);

    // An emptied store is filled again while somebody watches.
    await row.getByRole('link', { name: 'checkout' }).click();
    await expect(page.getByRole('heading', { level: 1, name: 'checkout' })).toBeVisible();
    await expect(page.getByRole('row', { name: /alpha/ })).toContainText('40');
    await redis.command('FLUSHALL');
    await expect.poll(members).toBe(40);
    await expect(page.getByRole('list', { name: 'Last errors' })).toContainText('lost its data');
    await expect(page.getByLabel('State: Up to date')).toBeVisible();

    // Paused it takes nothing; resumed it goes on.
    const menu = page.getByRole('button', { name: 'Actions for checkout' });
    await menu.click();
    await page.getByRole('menuitem', { name: 'Pause' }).click();
    await expect(page.getByLabel('State: Paused')).toBeVisible();
    await push(server, place, 'alpha', 'Alpha', { add: keysOf(5, 40) });
    expect(await members()).toBe(40);
    await page.getByRole('button', { name: 'Resume' }).click();
    await expect(page.getByLabel('State: Up to date')).toBeVisible();
    await expect.poll(members).toBe(45);

    await page.getByRole('button', { name: 'Verify' }).click();
    await expect(page.getByRole('region', { name: 'Verification' })).toContainText('No differences.');
    // Somebody whom no sync ever told of: who was, muster may have put right by itself by now, as it looks once more at what was in doubt.
    await redis.addContext(prefix, 'alpha.g1');
    await page.getByRole('button', { name: 'Verify' }).click();
    await expect(page.getByRole('region', { name: 'Verification' })).toContainText('1 there that should not be');
    await expect(page.getByRole('region', { name: 'Samples' })).toContainText('alpha.g1');
    await inBothThemes(page, () => expectAccessible(page));

    await menu.click();
    await page.getByRole('menuitem', { name: 'Rebuild…' }).click();
    const rebuild = page.getByRole('dialog', { name: 'Fill checkout from the start?' });
    const confirm = rebuild.getByRole('button', { name: 'Rebuild with 45 members' });
    await expect(confirm).toBeDisabled();
    await rebuild.getByLabel('Type the key to confirm').fill('checkout');
    await confirm.click();
    await expect(toast.filter({ hasText: 'checkout takes all 45 members once more.' })).toBeVisible();
    await expect.poll(members).toBe(45);

    // A store that is gone says so, and what that means.
    await page.setViewportSize({ width: 360, height: 800 });
    await redis.end();
    await expect(page.getByRole('region', { name: 'checkout is not kept current' })).toContainText('refuses connections');
    await expectNoSidewaysScroll(page);
    await inBothThemes(page, () => expectAccessible(page));
    await menu.click();
    await page.getByRole('menuitem', { name: 'Edit…' }).click();
    const edit = page.getByRole('dialog', { name: 'Edit checkout' });
    await edit.getByLabel('Name', { exact: true }).fill('till');
    await edit.getByRole('button', { name: 'Save' }).click();
    await expect(edit).toBeHidden();
    await page.getByRole('button', { name: 'Actions for till' }).click();
    await page.getByRole('menuitem', { name: 'Remove…' }).click();
    const remove = page.getByRole('dialog', { name: 'Remove till?' });
    await remove.getByLabel('Type the key to confirm').fill('till');
    await remove.getByRole('button', { name: 'Remove till' }).click();
    await expect(page.getByRole('heading', { name: 'Nothing follows yet' })).toBeVisible();
  } finally {
    await redis.end();
  }
});

test('who may not change a store sees what it does, and why it stays', async ({ page, place, server, context }) => {
  const store = `/integration-capabilities/big-segment-store/${place.project}/${place.environment}/redis`;
  await server.api('POST', store, { name: 'away', on: true, config: { host: '127.0.0.1', port: String(await freePort()) } });
  const { token } = await server.api<{ token: string }>('POST', '/tokens', { name: 'a reader', role: 'reader' });
  await context.clearCookies();
  await signIn(context, server, token);
  await page.setViewportSize({ width: 360, height: 800 });
  await page.goto(at(place, 'destinations'));
  const row = page.getByRole('row', { name: /away/ });
  await expect(row.getByLabel('State: Failed')).toBeVisible();
  await expect(page.getByRole('region', { name: 'away is not kept current' })).toContainText('muster keeps trying');
  await expect(page.getByRole('button', { name: 'Add destination' })).toHaveAttribute('aria-disabled', 'true');
  await expect(row.getByRole('button', { name: 'Test' })).toHaveAttribute('aria-disabled', 'true');
  await row.getByRole('button', { name: 'Actions for away' }).click();
  await expect(page.getByRole('menuitem', { name: /Remove…/ })).toContainText('Needs deleteIntegration on this integration. Ask an admin.');
  await expectNoSidewaysScroll(page);
  await inBothThemes(page, () => expectAccessible(page));
  await page.goto(at(place, 'destinations?add=relay'));
  await expect(page.getByRole('dialog').getByText('LD_PREFIX_production')).toBeVisible();
  await inBothThemes(page, () => expectAccessible(page));
});
