import type { Page } from '@playwright/test';

import type { Server } from './server';
import { push } from './sample';
import { expect, expectAccessible, expectNoSidewaysScroll, heldBack, inBothThemes, signIn, test, type Place } from './test';

let made = 0;

/** A key that no other test of the server has. */
function unique(name: string): string {
  return `${name}-${Date.now()}-${++made}`;
}

const twoActions = [{ effect: 'allow', actions: ['createSegment', 'updateIncluded'], resources: ['proj/*:env/*:segment/*'] }];

/** Sends a cohort as a tool does, by a token, and returns the status of the answer. */
async function pushBy(server: Server, token: string, place: Place, cohort: string, add: string[]): Promise<number> {
  const { _id } = await server.api<{ _id: string }>('GET', `/projects/${place.project}/environments/${place.environment}`);
  const response = await fetch(`${server.url}/api/v2/segment-targets/rudderstack`, {
    method: 'POST', headers: { 'Authorization': token, 'Content-Type': 'application/json' },
    body: JSON.stringify({ environmentId: _id, cohortId: cohort, cohortName: cohort, listData: { add: add.map((id) => ({ id })), remove: [] } }),
  });
  return response.status;
}

async function callBy(server: Server, token: string, method: string, path: string, body?: unknown): Promise<number> {
  const response = await fetch(`${server.url}/api/v2${path}`, {
    method, headers: { 'Authorization': token, 'Content-Type': 'application/json' }, body: body === undefined ? undefined : JSON.stringify(body),
  });
  return response.status;
}

/** Makes a token in the dialog that is open, and returns its text as it is shown once. */
async function createToken(page: Page): Promise<string> {
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('button', { name: 'Create token' }).click();
  await expect(dialog.getByText('Copy it now.')).toBeVisible();
  const shown = dialog.getByRole('figure', { name: 'Shown once' });
  await shown.getByRole('button', { name: 'Show' }).click();
  const token = (await shown.locator('pre').textContent()) ?? '';
  expect(token).toMatch(/^api-[0-9a-f-]{36}$/);
  return token;
}

test('a role of two actions is written, asked and given to a token, which can push a cohort and is refused elsewhere', async ({ page, place, server }) => {
  const name = unique('Push cohorts');
  await page.goto('/ui/access/roles');
  await page.getByRole('button', { name: 'Create role' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Name').fill(name);
  const key = await dialog.getByLabel('Key').inputValue();
  await dialog.getByRole('button', { name: 'Create', exact: true }).click();
  await expect(page).toHaveURL(new RegExp(`/access/roles/${key}$`));
  await expect(page.getByRole('heading', { level: 1, name })).toBeVisible();

  // The policy is typed by keys; what can stand there is the server's.
  const editor = page.getByLabel('Policy as JSON');
  await editor.fill('');
  await editor.pressSequentially('[{"effect": "allow", "actions": ["createS');
  await expect(page.getByRole('option', { name: 'createSegment', exact: true })).toHaveAttribute('aria-selected', 'true');
  await page.keyboard.press('Enter');
  await page.keyboard.type(', "updateInc');
  await page.keyboard.press('Enter');
  await expect(editor).toHaveValue('[{"effect": "allow", "actions": ["createSegment", "updateIncluded"');
  await page.keyboard.type('],\n"resources": ["segment');
  await page.getByRole('option', { name: 'proj/*:env/*:segment/*', exact: true }).click();
  await expect(page.getByText('Line 2: The bracket opened on line 2 is never closed.')).toBeVisible();
  await page.keyboard.type(']}]');
  const words = page.getByRole('list', { name: 'The policy in words' });
  await expect(words.getByRole('listitem')).toHaveText(/^1?Allow createSegment, updateIncluded on every segment of every environment\.$/);

  // The tester asks what is not saved yet.
  const action = page.getByRole('combobox', { name: 'Action' });
  const resource = page.getByRole('combobox', { name: 'Resource' });
  await action.fill('updateIncluded');
  await resource.fill(`proj/${place.project}:env/production:segment/vip`);
  await expect(page.getByText('Yes, statement 1 allows it.')).toBeVisible();
  await expect(page.getByText('Uses your unsaved change.')).toBeVisible();
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await expect(page.getByText(`Saved ${name}.`)).toBeVisible();
  expect(await server.api('GET', `/roles/${key}`)).toMatchObject({ policy: twoActions, basePermissions: 'no_access' });

  // A statement that denies, and one that no server takes.
  await editor.fill(JSON.stringify([...twoActions, { effect: 'deny', actions: ['updateIncluded'], resources: ['proj/*:env/production:segment/*'] }], undefined, 2));
  await expect(page.getByText('No. Statement 2 denies it.')).toBeVisible();
  await expect(words.getByRole('listitem').nth(1)).toContainText('Deny updateIncluded on every segment of environment production of every project.');
  await editor.fill('[\n  {"effect": "allow", "actions": ["*"],\n   "resources": ["proj/x::flag/y"]}\n]');
  await expect(page.getByText('Line 3: The resource "proj/x::flag/y" has an empty part.')).toBeVisible();
  await inBothThemes(page, () => expectAccessible(page));
  await page.getByRole('button', { name: 'Discard' }).click();
  await action.fill('deleteSegment');
  await expect(page.getByText('No. Nothing allows it.')).toBeVisible();
  await page.reload();
  await expect(page.getByText('No. Nothing allows it.')).toBeVisible();

  await page.goto('/ui/access/tokens?create=true');
  await expect(dialog.getByLabel('Name')).toBeFocused();
  await dialog.getByLabel('Name').fill('RudderStack');
  await dialog.getByRole('combobox', { name: 'Role' }).click();
  await page.getByRole('option', { name: 'Custom roles' }).click();
  await dialog.getByRole('combobox', { name: 'Custom roles' }).click();
  await page.getByRole('option', { name }).click();
  await page.keyboard.press('Escape');
  await dialog.getByLabel('Expires').click();
  await page.getByRole('option', { name: 'In 30 days' }).click();
  const token = await createToken(page);
  await expectAccessible(page);

  const at = `/segments/${place.project}/${place.environment}`;
  expect(await pushBy(server, token, place, 'vip', ['ann', 'bo'])).toBe(204);
  expect(await server.api('GET', `${at}/rudderstack-vip`)).toMatchObject({ _unboundedMetadata: { includedCount: 2 } });
  for (const [method, path, body] of [
    ['PATCH', `${at}/rudderstack-vip`, [{ op: 'replace', path: '/name', value: 'Mine' }]],
    ['DELETE', `${at}/rudderstack-vip`, undefined],
    ['POST', `/flags/${place.project}`, { key: 'f', name: 'F' }],
    ['POST', '/tokens', { name: 'more', role: 'admin' }],
  ] as const) expect(await callBy(server, token, method, path, body), `${method} ${path}`).toBe(403);
  expect(await callBy(server, token, 'GET', at)).toBe(404);
  // What the tester says of the token is what happened.
  const { tokenId } = await (await fetch(`${server.url}/api/v2/caller-identity`, { headers: { Authorization: token } })).json() as { tokenId: string };
  for (const [asked, allowed] of [['createSegment', true], ['updateIncluded', true], ['updateName', false], ['deleteSegment', false]] as const) {
    const answer = await server.api('POST', '/access-check', { tokenId, action: asked, resource: `proj/${place.project}:env/production:segment/rudderstack-vip` });
    expect(answer, asked).toMatchObject({ allowed });
  }
});

test('a policy names any of more projects than can be listed', async ({ page, place, server }) => {
  for (let i = 0; i < 21; i++) await server.api('POST', '/projects', { key: `${place.project}-crowd-${i}`, name: `0 ${place.project} ${i}` });
  const zebra = `zebra-${place.project}`;
  await server.api('POST', '/projects', { key: zebra, name: `zzz ${place.project}` });
  const key = unique('crowded');
  await server.api('POST', '/roles', { key, name: key, policy: [] });
  await page.goto(`/ui/access/roles/${key}`);
  const editor = page.getByLabel('Policy as JSON');
  await editor.fill('');
  await editor.pressSequentially(`[{"effect": "allow", "actions": ["*"], "resources": ["${zebra}`);
  await expect(page.getByRole('option', { name: `proj/${zebra}`, exact: true })).toBeVisible();
  await editor.fill('');
  await editor.pressSequentially('[{"effect": "allow", "actions": ["*"], "resources": ["proj/zeb');
  await page.getByRole('option', { name: `proj/${zebra}:env/production:segment/*`, exact: true }).click();
  await page.keyboard.type(']}]');
  await expect(page.getByRole('list', { name: 'The policy in words' })).toContainText(`Allow every action on every segment of environment production of project ${zebra}.`);
  await page.getByRole('combobox', { name: 'Resource' }).fill(`proj/${zebra}:env/t`);
  await page.getByRole('option', { name: `proj/${zebra}:env/test:segment/*`, exact: true }).click();
  await expect(page.getByRole('combobox', { name: 'Resource' })).toHaveValue(`proj/${zebra}:env/test:segment/*`);
  await page.getByRole('combobox', { name: 'Action' }).fill('createSegment');
  await expect(page.getByText('No. Nothing allows it.')).toBeVisible();
});

test('a token with a policy of its own is made, renamed, reset with a grace and deleted', async ({ page, place, server }) => {
  const name = unique('Hightouch');
  await page.goto('/ui/access/tokens');
  await page.getByRole('button', { name: 'Create token' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('button', { name: 'Create token' }).click();
  await expect(dialog.getByText('Type a name.')).toBeVisible();
  await dialog.getByLabel('Name').fill(name);
  await dialog.getByRole('combobox', { name: 'Role' }).click();
  await page.getByRole('option', { name: 'A policy of its own' }).click();
  await dialog.getByLabel('Policy as JSON').fill(JSON.stringify([{ effect: 'allow', actions: ['updateIncluded'], resources: [`proj/${place.project}:env/*:segment/*`] }]));
  await expect(dialog.getByText(`on every segment of every environment of project`)).toBeVisible();
  await expectAccessible(page);
  const first = await createToken(page);
  expect(await pushBy(server, first, place, 'new', ['ann'])).toBe(403);
  await push(server, place, 'known', 'Known', { add: ['ann'] });
  expect(await pushBy(server, first, place, 'known', ['bo'])).toBe(204);
  await dialog.getByRole('button', { name: 'Done' }).click();

  const row = page.getByRole('row').filter({ hasText: 'Own policy' }).filter({ has: page.getByRole('link', { name, exact: true }) });
  await expect(row).toContainText('Own policy, 1 statement');
  // What somebody else makes is there without a reload.
  await expect(page.getByText('Connected', { exact: true })).toBeVisible();
  await server.api('POST', '/tokens', { name: `${name}, by another`, role: 'reader' });
  await expect(page.getByRole('row', { name: `${name}, by another` })).toBeVisible();
  await row.getByRole('link').click();
  await expect(page).toHaveURL(/token=[0-9a-f]{24}/);
  const drawer = page.getByRole('dialog', { name });
  await expect(drawer.getByRole('list', { name: 'The policy in words' })).toContainText('Allow updateIncluded');
  await inBothThemes(page, () => expectAccessible(page));
  await drawer.getByRole('button', { name: 'Reset…' }).click();
  const confirm = page.getByRole('dialog', { name: `Reset ${name}?` });
  await expect(confirm.getByRole('button', { name: 'Cancel' })).toBeFocused();
  await confirm.getByRole('combobox', { name: 'The secret of now still works' }).click();
  await page.getByRole('option', { name: 'For an hour' }).click();
  await confirm.getByRole('button', { name: 'Reset token' }).click();
  const shown = drawer.getByRole('figure', { name: 'Shown once' });
  await shown.getByRole('button', { name: 'Show' }).click();
  const second = (await shown.locator('pre').textContent()) ?? '';
  expect(second).not.toBe(first);
  for (const token of [first, second]) expect(await callBy(server, token, 'GET', '/versions')).toBe(200);

  await drawer.getByLabel('Name').fill(`${name}, eu`);
  await drawer.getByRole('button', { name: 'Save', exact: true }).click();
  await expect(page.getByRole('row', { name: new RegExp(`${name}, eu`) })).toBeVisible();
  await page.getByRole('dialog').getByRole('button', { name: 'Delete token…' }).click();
  await page.getByRole('button', { name: 'Delete token', exact: true }).click();
  await expect(page.getByText(`Deleted ${name}, eu.`)).toBeVisible();
  await expect(page.getByRole('row', { name: new RegExp(`${name}, eu`) })).toHaveCount(0);
  for (const token of [first, second]) expect(await callBy(server, token, 'GET', '/versions')).toBe(401);
});

test('a member is added, signs in, gets a custom role and is removed', async ({ page, server }) => {
  const email = `${unique('noor')}@example.org`;
  const key = unique('viewer');
  await server.api('POST', '/roles', { key, name: `Viewer ${key}`, policy: [], basePermissions: 'reader' });
  const signInBy = (password: string) => fetch(`${server.url}/api/v2/session`, {
    method: 'POST', headers: { 'X-Requested-With': 'muster', 'Content-Type': 'application/json' }, body: JSON.stringify({ email, password }),
  });
  await page.goto('/ui/access');
  await expect(page).toHaveURL(/\/access\/members$/);
  await expect(page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Access' })).toHaveAttribute('aria-current', 'page');
  await page.getByRole('button', { name: 'Add member' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('button', { name: 'Add', exact: true }).click();
  await expect(dialog.getByText('Type an email address')).toBeVisible();
  await dialog.getByLabel('Email').fill(email);
  await dialog.getByLabel('Name').fill('Noor Haddad');
  await dialog.getByLabel('First password', { exact: true }).fill('correct horse battery');
  await expectAccessible(page);
  await dialog.getByRole('button', { name: 'Add', exact: true }).click();
  const row = page.getByRole('row', { name: new RegExp(email) });
  await expect(row).toContainText('Reader');
  const session = await signInBy('correct horse battery');
  expect(session.status).toBe(200);
  const cookie = session.headers.get('set-cookie')?.split(';')[0] ?? '';

  await row.getByRole('link', { name: 'Noor Haddad' }).click();
  const drawer = page.getByRole('dialog', { name: 'Noor Haddad' });
  await inBothThemes(page, () => expectAccessible(page));
  await drawer.getByRole('combobox', { name: 'Role' }).click();
  await page.getByRole('option', { name: 'Custom roles' }).click();
  await drawer.getByRole('combobox', { name: 'Custom roles' }).click();
  await page.getByRole('option', { name: `Viewer ${key}` }).click();
  await page.keyboard.press('Tab');
  await drawer.getByRole('button', { name: 'Save', exact: true }).click();
  await expect(row).toContainText(`Viewer ${key}`);
  await drawer.getByRole('button', { name: 'Set a password…' }).click();
  await drawer.getByLabel('New password', { exact: true }).fill('battery staple horse');
  await drawer.getByRole('button', { name: 'Set password' }).click();
  await expect(page.getByText('Gave Noor Haddad a new password.')).toBeVisible();
  expect((await fetch(`${server.url}/api/v2/session`, { headers: { Cookie: cookie } })).status).toBe(401);
  expect((await signInBy('battery staple horse')).status).toBe(200);
  await drawer.getByRole('button', { name: 'Remove member…' }).click();
  await page.getByRole('button', { name: 'Remove member', exact: true }).click();
  await expect(row).toHaveCount(0);
  expect((await signInBy('battery staple horse')).status).toBe(401);
});

test('lists of people, tokens and roles are accessible, narrow, and reached by keys', async ({ page, server }) => {
  const key = unique('ops');
  await server.api('POST', '/roles', { key, name: `Ops ${key}`, description: 'Whoever is on call', policy: twoActions });
  await page.goto('/ui/access/members');
  for (const tab of ['Members', 'Tokens', 'Roles']) {
    await page.getByRole('navigation', { name: 'Access' }).getByRole('link', { name: tab }).click();
    await expect(page.getByRole('table', { name: tab })).toHaveAttribute('aria-busy', 'false');
    await inBothThemes(page, () => expectAccessible(page));
    await page.setViewportSize({ width: 360, height: 780 });
    await expectNoSidewaysScroll(page);
    await page.setViewportSize({ width: 1360, height: 900 });
  }
  await page.getByLabel('Search roles').fill(key);
  await expect(page).toHaveURL(new RegExp(`q=${key}`));
  await expect(page.getByRole('row')).toHaveCount(2);
  await page.getByRole('heading', { level: 1 }).focus();
  await page.keyboard.press('j');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('heading', { level: 1, name: `Ops ${key}` })).toBeVisible();
  await page.setViewportSize({ width: 360, height: 780 });
  await expectNoSidewaysScroll(page);
  await page.getByRole('button', { name: 'Delete role…' }).click();
  await page.getByLabel('Type the key to confirm').fill(key);
  await page.getByRole('button', { name: 'Delete role', exact: true }).click();
  await expect(page).toHaveURL(/\/access\/roles$/);
  await page.goto(`/ui/access/roles/${key}`);
  await expect(page.getByRole('heading', { name: `There is no role “${key}”.` })).toBeVisible();
});

test('who may not is told what it needs', async ({ page, context, server }) => {
  const key = unique('seen');
  await server.api('POST', '/roles', { key, name: 'Seen', policy: [] });
  const { token } = await server.api<{ token: string }>('POST', '/tokens', { name: 'reader', role: 'reader', serviceToken: true });
  await context.clearCookies();
  await signIn(context, server, token);
  await page.goto('/ui/access/members');
  const add = page.getByRole('button', { name: 'Add member' });
  await expect(add).toHaveAttribute('aria-disabled', 'true');
  await add.focus();
  await expect(page.getByRole('tooltip')).toHaveText('Needs createMember on account members. Ask an admin.');
  await page.goto(`/ui/access/roles/${key}`);
  await expect(page.getByText('Needs updatePolicy on this role. Ask an admin.')).toBeVisible();
  await expect(page.getByLabel('Policy as JSON')).not.toBeEditable();
  await expect(page.getByRole('button', { name: 'Delete role…' })).toHaveAttribute('aria-disabled', 'true');
  await expectAccessible(page);
});

test('who edits a role that somebody else has changed meanwhile is told, and decides', async ({ page, server }) => {
  const key = unique('both');
  await server.api('POST', '/roles', { key, name: 'Both', policy: [] });
  await page.goto(`/ui/access/roles/${key}`);
  await page.getByLabel('Policy as JSON').fill(JSON.stringify(twoActions));
  await server.api('PATCH', `/roles/${key}`, [{ op: 'replace', path: '/policy', value: [{ effect: 'deny', actions: ['*'], resources: ['*'] }] }]);
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await expect(page.getByText('Somebody changed this role meanwhile.')).toBeVisible();
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await expect(page.getByText('Saved Both.')).toBeVisible();
  expect(await server.api('GET', `/roles/${key}`)).toMatchObject({ policy: twoActions });
});

test('what is typed while a role is saved is not lost', async ({ page, server }) => {
  const key = unique('typed');
  await server.api('POST', '/roles', { key, name: 'Typed', policy: [] });
  await page.goto(`/ui/access/roles/${key}`);
  await page.getByLabel('Policy as JSON').fill(JSON.stringify(twoActions));
  const saving = await heldBack(page, 'PATCH', `**/roles/${key}`);
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await expect.poll(saving.arrived).toBe(true);
  await page.getByLabel('Description').fill('Two actions');
  await page.getByLabel('Policy as JSON').fill('[');
  saving.let();
  await expect(page.getByText('Saved Typed.')).toBeVisible();
  await expect(page.getByText('2 unsaved changes')).toBeVisible();
  await expect(page.getByLabel('Policy as JSON')).toHaveValue('[');
  await page.getByLabel('Policy as JSON').fill('[]');
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await expect(page.getByText('unsaved change')).toHaveCount(0);
  expect(await server.api('GET', `/roles/${key}`)).toMatchObject({ policy: [], description: 'Two actions' });
});
