import { inEachLook, picture, pictureOf } from './pictures';
import { keysOf, sample } from './sample';
import { at, expect, test } from './test';

inEachLook((look) => {
  test('sources, and how a tool is connected', async ({ page, place, server }) => {
    test.setTimeout(600_000);
    const take = (name: string, path: string) => pictureOf(page, name, at(place, path), look);
    await take('sources-empty', 'sources');
    const { items: tools } = await server.api<{ items: { key: string }[] }>('GET', '/tools');
    for (const { key } of tools) await take(`connect-${key}`, `sources/new/${key}`);
    await take('connect-unknown', 'sources/new/no-such-tool');

    await page.goto(at(place, 'sources/new/rudderstack'));
    await page.getByRole('button', { name: 'Create token' }).click();
    await expect(page.getByText('Waiting for RudderStack.')).toBeVisible();
    await picture(page, 'connect-waiting', look);
    const shown = page.getByRole('figure', { name: 'Shown once' });
    await shown.getByRole('button', { name: 'Show' }).click();
    const token = (await shown.locator('pre').textContent()) ?? '';
    const { _id } = await server.api<{ _id: string }>('GET', `/projects/${place.project}/environments/${place.environment}`);
    const call = (authorization: string, body: object) => fetch(`${server.url}/api/v2/segment-targets/rudderstack`, {
      method: 'POST', headers: authorization === '' ? {} : { Authorization: authorization }, body: JSON.stringify(body),
    });
    await expect(page.getByText('Connected', { exact: true })).toBeAttached();
    await call('', {});
    await call(token.slice(0, -4), {});
    await call(token, { environmentId: '66f0aaaaaaaaaaaaaaaaaaaa', cohortId: 'x', cohortName: 'x', listData: { add: [{ id: 'a' }] } });
    await call(token, { environmentId: _id, cohortName: 'x', listData: { add: [{ id: 'a' }] } });
    await expect(page.getByText('/cohortId is missing.')).toBeVisible();
    await picture(page, 'connect-refused', look);
    await call(token, { environmentId: _id, cohortId: 'high-intent', cohortName: 'High-intent shoppers', listData: { add: [...keysOf(40).map((id) => ({ id })), { id: '' }], remove: [] } });
    await expect(page.getByText('The first call of RudderStack arrived.')).toBeAttached();
    await picture(page, 'connect-arrived', look);

    await sample(server, place);
    await take('sources', 'sources');
    await take('source', 'sources/rudderstack');
    for (const dialog of ['disconnect', 'forget']) {
      await page.goto(at(place, `sources/rudderstack?dialog=${dialog}`));
      await expect(page.getByRole('dialog')).toContainText('segments');
      await picture(page, `source-${dialog}`, look);
    }
    await server.api('PATCH', `/projects/${place.project}/environments/${place.environment}/sources/rudderstack`, { merge: { connected: false } });
    await take('source-disconnected', 'sources/rudderstack');
    await take('source-unknown', 'sources/nothing');
  });
});
