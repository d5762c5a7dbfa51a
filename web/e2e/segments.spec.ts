import type { Request } from '@playwright/test';

import { keysOf, push, sample, segment } from './sample';
import { at, expect, expectAccessible, expectNoSidewaysScroll, inBothThemes, test } from './test';

test('an empty environment shows the three ways in, and one of them makes a segment', async ({ page, place }) => {
  await page.goto(at(place, 'segments'));
  await expect(page.getByRole('heading', { name: 'No segments in Production yet' })).toBeVisible();
  for (const way of ['Connect a tool', 'Upload a list']) await expect(page.getByRole('link', { name: new RegExp(way) }).last()).toBeVisible();
  await expect(page.getByRole('figure', { name: /^Or by a call/ })).toContainText('/api/v2/segment-targets/rudderstack');
  await inBothThemes(page, () => expectAccessible(page));
  await page.getByRole('button', { name: 'Create segment' }).click();
  await expect(page).toHaveURL(/\/segments\/new$/);
  const dialog = page.getByRole('dialog');
  await expect(dialog.getByRole('heading', { name: 'Where do the members come from?' })).toBeVisible();
  await expectAccessible(page);
  await dialog.getByRole('button', { name: /^Add people by hand/ }).click();
  await expect(page).toHaveURL(/\/segments\/new\?by=hand$/);
  await expect(dialog.getByLabel('Name')).toBeFocused();
  await page.reload();
  await dialog.getByLabel('Name').fill('Beta testers');
  await expect(dialog.getByLabel('Key')).toHaveValue('beta-testers');
  await expectAccessible(page);
  await dialog.getByRole('button', { name: 'Create', exact: true }).click();
  await expect(page).toHaveURL(/\/segments\/beta-testers\/members$/);
  await expect(page.getByRole('button', { name: 'Add members' })).toBeVisible();
  await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Segments', exact: true }).click();
  await expect(page.getByRole('row', { name: /Beta testers/ })).toContainText('By hand');
});

test('the list says what there is, what is held, and sorts and filters by its address', async ({ page, place, server }) => {
  await sample(server, place);
  await page.goto(at(place, 'segments'));
  await expect(page.getByText('5 segments · 2,912 members in Production')).toBeVisible();
  await expect(page.getByText('1 sync is held.')).toBeVisible();
  await expect(page.getByText('would lose 900 of 1,500 members')).toBeVisible();
  await expect(page.getByRole('link', { name: 'Review Churn risk' })).toBeVisible();
  await expect(page.getByRole('row', { name: /Churn risk/ })).toContainText('Held');
  await expect(page.getByRole('row', { name: /High-intent shoppers/ })).toContainText('RudderStack');
  await expect(page.getByRole('row', { name: /Beta testers/ }).getByRole('cell', { name: '1 flag' })).toBeVisible();
  await expect(page.getByRole('navigation', { name: 'Main' })).toContainText('1 held');
  await inBothThemes(page, () => expectAccessible(page));

  const names = () => page.getByRole('rowheader').locator('a').allTextContents();
  await page.getByRole('button', { name: 'Members' }).click();
  await expect(page).toHaveURL(/sort=-members/);
  await expect.poll(async () => (await names()).map((name) => name.slice(0, 7))).toEqual(['Churn r', 'High-in', 'Dormant', 'Beta te', 'Nobody ']);
  await expect(page.getByRole('columnheader', { name: 'Members' })).toHaveAttribute('aria-sort', 'descending');
  await page.getByLabel('Search segments').fill('intent');
  await expect(page).toHaveURL(/q=intent/);
  await expect.poll(names).toEqual(['High-intent shoppers']);
  await expect(page.getByText('1 result', { exact: true })).toBeVisible();
  await page.reload();
  await expect(page.getByLabel('Search segments')).toHaveValue('intent');
  await page.getByLabel('Search segments').fill('nothing like it');
  await page.getByRole('button', { name: 'Clear filters' }).click();
  await expect(page.getByLabel('Search segments')).toHaveValue('');
  await page.getByRole('combobox', { name: 'State' }).click();
  await expectAccessible(page);
  await page.getByRole('option', { name: 'Held' }).click();
  await expect(page).toHaveURL(/state=held/);
  await expect.poll(names).toEqual(['Churn risk']);
  await page.goto(`${at(place, 'segments')}?tool=rudderstack&sort=nonsense&page=-3&unknown=1`);
  await expect(page.getByRole('row', { name: /High-intent/ })).toBeVisible();
  await expect.poll(async () => (await names()).length).toBe(3);
  await page.goto(`${at(place, 'segments')}?tag=beta`);
  await expect.poll(names).toEqual(['Beta testers']);
});

test('sixty segments have two pages', async ({ page, place, server }) => {
  for (let i = 0; i < 60; i++) await segment(server, place, `s-${i}`, `Segment ${String(i).padStart(2, '0')}`);
  await page.goto(at(place, 'segments'));
  await expect(page.getByText('1–50 of 60')).toBeVisible();
  await page.getByRole('button', { name: 'Next' }).click();
  await expect(page).toHaveURL(/page=2/);
  await expect(page.getByRole('link', { name: 'Segment 59' })).toBeVisible();
  await page.goBack();
  await expect(page.getByText('1–50 of 60')).toBeVisible();
});

test('a push shows within moments, in the row that is there, on two pages that share one stream', async ({ page, context, place, server }) => {
  await push(server, place, 'a', 'Alpha', { add: keysOf(3) });
  // Two tabs that are opened on a busy machine may both ask for a moment; one of them stays.
  const open = new Set<Request>();
  context.on('request', (request) => request.url().endsWith('/activity') && open.add(request));
  context.on('requestfailed', (request) => open.delete(request));
  context.on('requestfinished', (request) => open.delete(request));
  const streams = () => [...open].map((request) => request.frame().page()).filter((by) => !by.isClosed());
  await page.goto(at(place, 'segments'));
  await expect(page.getByText('Connected', { exact: true })).toBeVisible();
  const second = await context.newPage();
  await second.goto(at(place, 'segments'));
  await expect(second.getByRole('row', { name: /Alpha/ })).toContainText('3');
  await push(server, place, 'a', 'Alpha', { add: keysOf(7) });
  for (const shown of [page, second]) await expect(shown.getByRole('row', { name: /Alpha/ }).getByRole('cell').nth(1)).toContainText('7');
  await expect(second.getByText('Connected', { exact: true })).toBeVisible();
  await expect.poll(streams).toHaveLength(1);
  const [holder] = streams();
  const other = holder === page ? second : page;
  // The one that holds the stream goes, and the other takes over.
  await holder?.close();
  await push(server, place, 'a', 'Alpha', { add: keysOf(9) });
  await expect(other.getByRole('row', { name: /Alpha/ }).getByRole('cell').nth(1)).toContainText('9');
  await expect.poll(() => streams().map((by) => by === other)).toEqual([true]);
});

test('as narrow as a phone, rows are cards and navigation is a drawer', async ({ page, place, server }) => {
  await sample(server, place);
  await page.setViewportSize({ width: 360, height: 780 });
  await page.goto(at(place, 'segments'));
  await expect(page.getByRole('link', { name: 'High-intent shoppers' })).toBeVisible();
  await expectNoSidewaysScroll(page);
  await inBothThemes(page, () => expectAccessible(page));
  await page.getByRole('button', { name: 'Open navigation' }).click();
  const drawer = page.getByRole('dialog', { name: 'muster' });
  await expect(drawer.getByRole('link', { name: 'Destinations', exact: true })).toBeVisible();
  await expectAccessible(page);
  await drawer.getByRole('link', { name: 'Audit', exact: true }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'Audit' })).toBeVisible();
  await expect(drawer).toBeHidden();
});
