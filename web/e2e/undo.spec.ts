import { keysOf, push, replace } from './sample';
import { at, expect, expectAccessible, expectNoSidewaysScroll, test } from './test';

test('a bad delta is undone, but for whom somebody changed since, and members’ pasts say so', async ({ page, place, server }) => {
  const key = 'rudderstack-intent';
  const [first = '', ...others] = keysOf(6);
  await push(server, place, 'intent', 'High intent', { add: [first, ...others] });
  await push(server, place, 'intent', 'High intent', { remove: [first, ...others.slice(0, 3)] });
  await push(server, place, 'intent', 'High intent', { add: [first] });
  const { items: [later, bad] } = await server.api<{ items: { _id: string }[] }>('GET', `/segments/${place.project}/${place.environment}/${key}/runs`);

  const refused: string[] = [];
  page.on('response', (response) => response.status() === 409 && refused.push(response.url()));
  await page.goto(at(place, `segments/${key}/syncs/${bad?._id}`));
  await expect(page.getByRole('region', { name: 'Left' }).getByRole('listitem')).toHaveCount(4);
  await page.getByRole('button', { name: 'Undo this sync…' }).click();
  const dialog = page.getByRole('dialog');
  await expect(dialog.getByRole('region', { name: 'Will come back' }).getByRole('listitem')).toHaveCount(3);
  await expect(dialog.getByRole('region', { name: 'Will leave' })).toContainText('Nobody');
  await expect(dialog.getByText('1 member was changed again since, and stays as it is.')).toBeVisible();
  await expect(dialog.getByText(/RudderStack does not know about this/)).toBeVisible();
  await expectAccessible(page);
  await dialog.getByRole('button', { name: 'Undo: 3 come back' }).click();
  await expect(page.getByText('Undone: 0 members left and 3 came back, 1 stays.')).toBeVisible();
  await expect(page.getByRole('img', { name: 'State: Rolled back' })).toBeVisible();
  expect(await server.api('GET', `/segments/${place.project}/${place.environment}/${key}`)).toMatchObject({ _unboundedMetadata: { includedCount: 6 }, _muster: { drifted: true } });

  expect(refused).toEqual([]);
  await page.getByRole('link', { name: 'a later sync' }).click();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Undo of a sync of High intent');
  await expect(page.getByText('This sync undid another sync.')).toBeVisible();
  await expectNoSidewaysScroll(page);

  await page.goto(at(place, `segments/${key}/members?context=${encodeURIComponent(others[0] ?? '')}`));
  const past = page.getByRole('dialog').getByRole('list', { name: 'Timeline in this segment' }).getByRole('listitem');
  await expect(past).toHaveText([/An undo of a sync brought this key back/, /RudderStack removed this key in this sync, undone by a later sync/, /RudderStack added this key/]);

  await replace(server, place, key, others, { override: true });
  await page.goto(at(place, `segments/${key}/syncs/${later?._id}`));
  await expect(page.getByText(/can't be undone: all members were exchanged since/)).toBeVisible();
  await expect(page.getByRole('button', { name: 'Undo this sync…' })).toHaveAttribute('aria-disabled', 'true');
});
