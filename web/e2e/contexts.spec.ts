import { keysOf, push, sample, segment } from './sample';
import { at, expect, expectAccessible, expectNoSidewaysScroll, inBothThemes, test } from './test';

test('a context is looked up: its segments and what flags serve it', async ({ page, place, server }) => {
  await sample(server, place);
  await page.goto(at(place, 'contexts'));
  await expect(page.getByText('It is compared byte for byte.')).toBeVisible();
  await expectAccessible(page);
  await page.getByRole('button', { name: 'Look up' }).click();
  await expect(page.getByText('Type a key.')).toBeVisible();
  await page.getByLabel('Context key').fill('user-000003@example.org');
  await page.getByRole('button', { name: 'Look up' }).click();
  await expect(page).toHaveURL(/key=user-000003/);
  const segments = page.getByRole('table', { name: 'Segments' });
  await expect(segments.getByRole('row', { name: /Beta testers/ })).toContainText('Its key');
  await expect(segments.getByRole('row', { name: /Churn risk/ })).toContainText('RudderStack');
  const banner = page.getByRole('table', { name: 'Flags' }).getByRole('row', { name: /High-intent banner/ });
  await expect(banner).toContainText('true');
  await expect(banner).toContainText('Rule 1 matched');
  const past = page.getByRole('list', { name: 'Timeline' }).getByRole('listitem');
  await expect(past).toContainText([/Joined Beta testers.*By hand, by admin/, /Joined Dormant customers/, /Joined Churn risk.*By RudderStack/, /Left High-intent shoppers/, /Joined High-intent shoppers/]);
  await inBothThemes(page, () => expectAccessible(page));
  await past.nth(3).getByRole('link', { name: 'this sync' }).click();
  await expect(page).toHaveURL(/segments\/rudderstack-high-intent\/syncs\//);
  await page.goBack();

  await page.getByLabel('Context key').fill('nobody');
  await page.keyboard.press('Enter');
  await expect(page.getByText('No segment has ever named this key. Flags still evaluate for it:')).toBeVisible();
  await expect(banner).toContainText('No rule matched: everyone else');
  await push(server, place, 'gone', 'Gone again', { add: keysOf(1, 9000) });
  await push(server, place, 'gone', 'Gone again', { remove: keysOf(1, 9000) });
  await page.getByLabel('Context key').fill(keysOf(1, 9000)[0] ?? '');
  await page.keyboard.press('Enter');
  await expect(page.getByText('No segment includes this key now. Flags still evaluate for it:')).toBeVisible();
  await expect(past).toContainText([/Left Gone again/, /Joined Gone again/]);
  await page.setViewportSize({ width: 360, height: 800 });
  await expectNoSidewaysScroll(page);
  await expectAccessible(page);
});

test('what a context is served, and the flags that use a segment, come in pages', async ({ page, place, server }) => {
  await segment(server, place, 'vips', 'VIPs', ['ann']);
  for (let n = 10; n < 62; n++) {
    await server.api('POST', `/flags/${place.project}`, { key: `flag-${n}`, name: `Flag ${n}` });
    if (n >= 31) continue;
    await server.api('PATCH', `/flags/${place.project}/flag-${n}`, [
      { op: 'add', path: `/environments/${place.environment}/rules/0`, value: { variation: 0, clauses: [{ attribute: '', op: 'segmentMatch', values: ['vips'] }] } },
    ]);
  }
  await page.goto(`${at(place, 'contexts')}?key=ann`);
  const flags = page.getByRole('table', { name: 'Flags' });
  await expect(page.getByRole('heading', { name: '52 flags' })).toBeVisible();
  await expect(flags.getByRole('row')).toHaveCount(51);
  await page.getByText('1–50 of 52').locator('..').getByRole('button', { name: 'Next' }).click();
  await expect(page).toHaveURL(/flags=2/);
  await expect(flags.getByRole('row')).toHaveCount(3);
  await expect(flags.getByRole('row', { name: /Flag 61/ })).toBeVisible();

  await page.goto(at(place, 'segments/vips'));
  await page.getByRole('link', { name: 'All 21 flags that use it' }).click();
  await expect(flags.getByRole('row')).toHaveCount(21);
  await page.getByRole('button', { name: 'Next' }).click();
  await expect(page).toHaveURL(/flags\?page=2/);
  await expect(flags.getByRole('row', { name: /Flag 30/ })).toContainText('Rule 1: in segment');
  await expect(flags.getByRole('row')).toHaveCount(2);
  await expectAccessible(page);
});
