import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import { inEachLook, picture, pictureOf } from './pictures';
import { sample } from './sample';
import { Server } from './server';
import { at, expect, signIn, test } from './test';

inEachLook((look) => {
  test('access, audit, settings and the shell', async ({ page, place, server }) => {
    test.setTimeout(600_000);
    const take = (name: string, url: string) => pictureOf(page, name, url, look);
    const here = (name: string, path: string) => take(name, at(place, path));
    await take('access-roles-empty', '/ui/access/roles');
    await here('webhooks-empty', 'settings/webhooks');
    await sample(server, place);

    const suffix = `${place.project}-${look}`;
    const policy = [
      { effect: 'allow', actions: ['createSegment', 'updateIncluded'], resources: ['proj/*:env/*:segment/*'] },
      { effect: 'deny', actions: ['*'], resources: ['proj/*:env/production:segment/*;pinned'] },
    ];
    const { key } = await server.api<{ key: string }>('POST', '/roles', { key: `push-${suffix}`, name: 'Push cohorts', description: 'What a marketing tool needs, and nothing else', policy });
    const { items: [member] } = await server.api<{ items: { _id: string }[] }>('POST', '/members', [{ email: `mira.okafor-${suffix}@example.org`, firstName: 'Mira', lastName: 'Okafor', role: 'writer' }]);
    const soon = Date.now() + 86_400_000;
    const { _id: token } = await server.api<{ _id: string }>('POST', '/tokens', { name: 'RudderStack', customRoleIds: [key], serviceToken: true, expiry: soon });
    await take('access-members', '/ui/access/members');
    await take('access-member', `/ui/access/members?member=${member?._id ?? ''}`);
    await take('access-member-add', '/ui/access/members?create=true');
    await take('access-tokens', '/ui/access/tokens');
    await take('access-token', `/ui/access/tokens?token=${token}`);
    await take('access-token-new', '/ui/access/tokens?create=true');
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Name').fill('Heap');
    await dialog.getByRole('button', { name: 'Create token' }).click();
    await expect(dialog.getByText('Copy it now.')).toBeVisible();
    await picture(page, 'access-token-once', look);
    await take('access-roles', '/ui/access/roles');
    await take('access-role-new', '/ui/access/roles?create=true');
    await take('access-role', `/ui/access/roles/${key}?action=updateIncluded&resource=proj%2Fweb%3Aenv%2Fproduction%3Asegment%2Fvip%3Bpinned`);
    await expect(page.getByText('No. Statement 2 denies it.')).toBeVisible();
    await page.getByLabel('Policy as JSON').fill('[\n  {"effect": "allow", "actions": ["*"],\n   "resources": ["proj/x::flag/y"]}\n]');
    await expect(page.getByText(/^Line 3: /)).toBeVisible();
    await picture(page, 'access-role-wrong', look);
    await take('access-role-unknown', '/ui/access/roles/no-such-role');

    await take('audit', '/ui/audit');
    const { items: [entry] } = await server.api<{ items: { _id: string }[] }>('GET', '/auditlog?limit=1&q=Updated+the+flag');
    await take('audit-entry', `/ui/audit/${entry?._id ?? ''}`);
    await take('audit-filtered', '/ui/audit?q=nothing+of+the+sort');

    const receiver = createServer((request, response) => response.writeHead(request.url === '/broken' ? 500 : 200).end());
    await new Promise<void>((ready) => receiver.listen(0, '127.0.0.1', ready));
    const { port } = receiver.address() as AddressInfo;
    const hook = (name: string, path: string) => server.api<{ _id: string }>('POST', '/webhooks', { name, url: `http://127.0.0.1:${port}${path}`, on: true, sign: true });
    const { _id: told } = await hook('Chat room', '/hook');
    const { _id: deaf } = await hook('Ticket system', '/broken');
    for (const id of [told, deaf]) await server.api('POST', `/webhooks/${id}/test`);
    await here('webhooks', `settings/webhooks?webhook=${told}`);
    await here('webhook-failing', `settings/webhooks?webhook=${deaf}`);
    await here('webhook-new', 'settings/webhooks?dialog=new');
    await here('webhook-edit', `settings/webhooks?webhook=${told}&dialog=edit`);
    await here('webhook-delete', `settings/webhooks?webhook=${told}&dialog=delete`);
    for (const id of [told, deaf]) await server.api('DELETE', `/webhooks/${id}`);
    await new Promise((closed) => receiver.close(closed));
    await here('settings-keys', 'settings/keys');
    for (const question of ['rotate-sdk', 'rotate-mobile', 'environment', 'project', 'delete']) await here(`settings-${question}`, `settings/keys?dialog=${question}`);
    await here('settings-guard', 'settings/guard');
    for (const tab of ['account', 'limits', 'about']) await take(`settings-${tab}`, `/ui/settings/${tab}`);

    await here('shell', 'segments');
    await page.getByRole('button', { name: /^Project and environment/ }).click();
    await expect(page.getByLabel('Search projects')).toBeFocused();
    await picture(page, 'shell-switch', look);
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: /^Signed in as/ }).click();
    await expect(page.getByRole('menu')).toBeVisible();
    await picture(page, 'shell-user', look);
    await page.getByRole('menuitem', { name: 'Keyboard shortcuts' }).click();
    await expect(dialog).toBeVisible();
    await picture(page, 'shell-keys', look);
    await page.keyboard.press('Escape');
    await page.keyboard.press('Control+k');
    await page.keyboard.type('high');
    await expect(page.getByRole('option', { name: /High-intent banner/ })).toBeVisible();
    await picture(page, 'shell-palette', look);
    await page.keyboard.press('Escape');
    if (look.endsWith('narrow')) {
      await page.getByRole('button', { name: 'Open navigation' }).click();
      await expect(dialog).toBeVisible();
      await picture(page, 'shell-navigation', look);
    }
    await take('shell-no-environment', `/ui/projects/${place.project}/environments/nowhere/segments`);
    await take('shell-no-project', '/ui/projects/nowhere/environments/production/segments');
    await take('not-found', '/ui/no/such/page');
    await page.goto(at(place, 'settings/guard'));
    await page.getByLabel('Percent that may leave').fill('31');
    await page.getByRole('button', { name: 'Save', exact: true }).click();
    await expect(page.getByText('Saved the guard.')).toBeVisible();
    await picture(page, 'shell-toast', look);
    await page.getByLabel('Percent that may leave').fill('32');
    await page.getByRole('link', { name: 'Keys', exact: true }).click();
    await expect(dialog).toBeVisible();
    await picture(page, 'shell-leave', look);
    await dialog.getByRole('button', { name: 'Leave' }).click();

    const { token: narrow } = await server.api<{ token: string }>('POST', '/tokens', { name: 'narrow', inlineRole: [{ effect: 'allow', actions: ['viewProject', 'viewMember'], resources: ['proj/*', 'member/*'] }] });
    await page.context().clearCookies();
    await signIn(page.context(), server, narrow);
    await here('forbidden', 'segments/beta-testers/members');
    await here('forbidden-contexts', 'contexts?key=ann');
    await here('refused', 'settings/keys');
    const { token: blind } = await server.api<{ token: string }>('POST', '/tokens', { name: 'blind', inlineRole: [{ effect: 'allow', actions: ['viewMember'], resources: ['member/*'] }] });
    await page.context().clearCookies();
    await signIn(page.context(), server, blind);
    await take('forbidden-project', '/ui/');

    await signIn(page.context(), server);
    await page.goto(at(place, 'segments'));
    await expect(page.getByText('Connected', { exact: true })).toBeAttached();
    await page.context().clearCookies();
    await page.getByLabel('Search segments').fill('beta');
    await expect(page.getByRole('dialog', { name: 'Sign in again' })).toBeVisible();
    await picture(page, 'shell-session-over', look);
    await take('sign-in', '/ui/sign-in');
    await page.getByLabel('Access token').fill('sdk-0b5a2a1c');
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
    await expect(page.getByRole('alert').or(page.getByText('SDK keys cannot sign in')).first()).toBeVisible();
    await picture(page, 'sign-in-wrong', look);
    await page.getByRole('button', { name: 'Sign in with email and password' }).click();
    await picture(page, 'sign-in-password', look);
    await take('first-run', '/ui/first-run');
    await take('lost-tokens', '/ui/lost-tokens');
  });

  test('the API reference', async ({ page }) => {
    await page.goto('/ui/api/');
    await expect(page.getByRole('heading', { name: 'Segments', exact: true })).toBeVisible();
    await picture(page, 'reference', look);
    await page.goto('/ui/api/#patchSegment');
    await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
    await page.evaluate(() => document.fonts.ready);
    await picture(page, 'reference-operation', look);
  });

  test('a server that goes', async ({ browser, complaints, colorScheme, viewport }) => {
    const own = await Server.start();
    const context = await browser.newContext({ colorScheme, viewport, baseURL: own.url });
    complaints.listen(context);
    complaints.expect(/ERR_/);
    await signIn(context, own);
    const page = await context.newPage();
    await page.goto('/ui/');
    await expect(page.locator('[data-state="connected"]')).toBeAttached();
    await own.end();
    await expect(page.getByText(/^Cannot reach the server\. Showing data of/)).toBeVisible();
    await picture(page, 'shell-gone', look);
    await context.close();
    await own.remove();
  });
});
