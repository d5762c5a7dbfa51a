import { inEachLook, picture, pictureOf } from './pictures';
import { Redis } from './redis';
import { sample } from './sample';
import { freePort } from './server';
import { at, expect, test } from './test';

inEachLook((look) => {
  test('destinations', async ({ page, place, server }) => {
    test.setTimeout(300_000);
    const redis = await Redis.start();
    const leave = new AbortController();
    const take = (name: string, path: string) => pictureOf(page, name, at(place, path), look);
    try {
      await take('destinations-empty', 'destinations');
      for (const kind of ['redis', 'sentinel', 'dynamodb', 'relay']) await take(`destinations-add-${kind}`, `destinations?add=${kind}`);
      await page.goto(at(place, 'destinations?add=redis'));
      const drawer = page.getByRole('dialog', { name: 'Add destination' });
      await drawer.getByLabel('Name', { exact: true }).fill('checkout');
      await drawer.getByLabel('Host').fill('127.0.0.1');
      await drawer.getByLabel('Port').fill(String(await freePort()));
      await drawer.getByRole('button', { name: 'Test connection' }).click();
      await expect(drawer.getByRole('alert')).toBeVisible();
      await picture(page, 'destinations-tried', look);

      await sample(server, place);
      const store = `/integration-capabilities/big-segment-store/${place.project}/${place.environment}/redis`;
      const add = (name: string, port: number) => server.api<{ _id: string }>('POST', store, { name, on: true, config: { host: '127.0.0.1', port: String(port) } });
      const { _id: works } = await add('checkout', redis.port);
      const { _id: broken } = await add('old-redis', await freePort());
      const { apiKey } = await server.api<{ apiKey: string }>('GET', `/projects/${place.project}/environments/${place.environment}`);
      await fetch(`${server.url}/all`, { headers: { 'Authorization': apiKey, 'User-Agent': 'GoClient/7.14.6' }, signal: leave.signal });
      await page.goto(at(place, 'destinations'));
      await expect(page.getByRole('row', { name: /^checkout/ }).getByLabel('State: Up to date')).toBeVisible();
      await expect(page.getByRole('row', { name: /^old-redis/ }).getByLabel('State: Failed')).toBeVisible();
      await expect(page.getByRole('row', { name: /^GoClient/ })).toBeVisible();
      await picture(page, 'destinations', look);
      await page.getByRole('button', { name: 'Actions for checkout' }).click();
      await picture(page, 'destinations-menu', look);
      for (const question of ['edit', 'rebuild', 'remove']) await take(`destinations-${question}`, `destinations?ask=${question}&of=${works}`);
      await page.goto(at(place, `destinations/${works}`));
      await page.getByRole('button', { name: 'Verify' }).click();
      await expect(page.getByRole('region', { name: 'Verification' })).toContainText('No differences.');
      await picture(page, 'destination', look);
      await take('destination-broken', `destinations/${broken}`);
      await take('destination-unknown', 'destinations/no-such-store');
    } finally {
      leave.abort();
      await redis.end();
    }
  });
});
