import { expect, expectAccessible, inBothThemes, test } from './test';

test.use({ signedIn: false });

test('a token signs in, and the way back leads to the page that was asked for', async ({ page, place, server }) => {
  await page.goto(`/ui/projects/${place.project}/environments/${place.environment}/segments?q=x`);
  await expect(page.getByRole('heading', { level: 1, name: 'Sign in' })).toBeVisible();
  await inBothThemes(page, () => expectAccessible(page));
  const token = page.getByLabel('Access token');
  await token.fill('sdk-1234');
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await expect(page.getByRole('alert')).toContainText('SDK keys cannot sign in.');
  await token.fill('api-unknown');
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await expect(page.getByRole('alert')).toContainText('That token is not known here.');
  await expectAccessible(page);
  await token.fill(server.token);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'Segments' })).toBeVisible();
  await expect(page).toHaveURL(new RegExp(`/ui/projects/${place.project}/environments/production/segments\\?q=x$`));
});
