import { keysOf, push, replace } from './sample';
import { at, expect, test } from './test';

// What people wait for where there are 10,000 segments, one of them of two million members: `npm run scale`. It prints milliseconds and asserts only
// that the page gets there, since times are for people to judge.

const segments = 10_000;
const members = 2_000_000;

test('pages over 10,000 segments', async ({ page, place, server, complaints }) => {
  test.setTimeout(900_000);
  for (let from = 0; from < segments; from += 10) {
    await Promise.all(Array.from({ length: 10 }, (_, i) => push(server, place, `c${from + i}`, `Cohort ${String(from + i).padStart(5, '0')}`, { add: keysOf(20, from) })));
  }
  await push(server, place, 'all', 'Everybody', { add: keysOf(1) });
  await replace(server, place, 'rudderstack-all', keysOf(members), { override: true });

  const took = async (what: string, act: () => Promise<unknown>) => {
    const began = performance.now();
    await act();
    console.log(`${what}: ${(performance.now() - began).toFixed(0)} ms`);
  };
  const option = (name: RegExp) => page.getByRole('option', { name }).first();
  const palette = async (text: string, found: RegExp) => {
    await page.keyboard.press('Control+k');
    await page.keyboard.type(text);
    await option(found).waitFor();
    await page.keyboard.press('Escape');
    await expect(option(found)).toBeHidden();
  };
  const list = page.getByRole('table', { name: 'Segments' }).getByRole('row').nth(1);

  await took('segments, first time', async () => { await page.goto(at(place, 'segments')); await list.waitFor(); });
  await took('segments, again', async () => { await page.reload(); await list.waitFor(); });
  for (const round of ['first', 'second']) {
    await took(`segments by state, ${round} time`, async () => { await page.goto(at(place, 'segments?state=live')); await list.waitFor(); });
  }
  await took('palette, "Everybody"', () => palette('Everybody', /Everybody/));
  await took('palette, "Cohort 09999"', () => palette('Cohort 09999', /Cohort 09999/));
  await took('palette, "coh", which all are called', () => palette('coh', /Cohort/));

  await took('a segment of 2 M', async () => { await page.goto(at(place, 'segments/rudderstack-all')); await page.getByRole('heading', { level: 1, name: 'Everybody' }).waitFor(); });
  await took('– its members', async () => { await page.goto(at(place, 'segments/rudderstack-all/members')); await page.getByRole('row').nth(1).waitFor(); });
  await took('– a member’s timeline', async () => {
    await page.goto(at(place, `segments/rudderstack-all/members?context=${encodeURIComponent('user-1234567@example.org')}`));
    await page.getByRole('dialog').getByRole('list', { name: 'Timeline in this segment' }).getByRole('listitem').first().waitFor();
  });
  await took('– its export, whole', async () => {
    await page.goto(at(place, 'segments/rudderstack-all/members'));
    const download = page.waitForEvent('download');
    await page.getByRole('button', { name: 'Export' }).click();
    await page.getByRole('menuitem', { name: 'CSV, one key a row' }).click();
    expect(await (await download).failure()).toBeNull();
  });
  await took('– its deletion, asked and done', async () => {
    await page.goto(at(place, 'segments/rudderstack-all/settings'));
    await page.getByRole('button', { name: 'Delete segment…' }).click();
    await page.getByLabel('Type the key to confirm').fill('rudderstack-all');
    await page.getByRole('dialog').getByRole('button', { name: 'Delete segment' }).click();
    await list.waitFor();
  });
  complaints.expect(/ERR_INCOMPLETE_CHUNKED_ENCODING/, /ERR_CONNECTION_REFUSED/); // the server goes away
  await server.end();
  await server.run();
  await took('after a kill: segments by state', async () => { await page.goto(at(place, 'segments?state=live')); await list.waitFor(); });
});
