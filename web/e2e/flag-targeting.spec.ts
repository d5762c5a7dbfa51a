import type { Page } from '@playwright/test';

import { keysOf, segment } from './sample';
import type { Server } from './server';
import { at, expect, expectAccessible, expectNoSidewaysScroll, inBothThemes, signIn, test, type Place } from './test';

const semantic = { 'Content-Type': 'application/json; domain-model=launchdarkly.semanticpatch' };
const ana = keysOf(1)[0] ?? '';

interface Flag {
  variations: { _id: string }[];
  environments: Record<string, { rules: { _id: string; variation?: number; rollout?: { variations: { variation: number; weight: number }[] } }[]; fallthrough: { variation?: number } }>;
}

/** A flag that is on, gives true to beta testers in Germany and France and false to everybody else. */
async function banner(server: Server, place: Place): Promise<Flag> {
  await segment(server, place, 'beta-testers', 'Beta testers', ['tess@example.org'], []);
  await segment(server, place, 'high-intent', 'High-intent shoppers', keysOf(1284));
  const flag = await server.api<Flag>('POST', `/flags/${place.project}`, { key: 'banner', name: 'Banner', clientSideAvailability: { usingEnvironmentId: true, usingMobileKey: false } });
  return instruct(server, place, [
    { kind: 'turnFlagOn' }, { kind: 'updateFallthroughVariationOrRollout', variationId: flag.variations[1]?._id },
    {
      kind: 'addRule', description: 'Testers', variationId: flag.variations[0]?._id,
      clauses: [{ attribute: 'segmentMatch', op: 'segmentMatch', values: ['beta-testers'] }, { contextKind: 'user', attribute: 'country', op: 'in', values: ['DE', 'FR'] }],
    },
  ]);
}

function instruct(server: Server, place: Place, instructions: unknown[]): Promise<Flag> {
  return server.api<Flag>('PATCH', `/flags/${place.project}/banner`, { environmentKey: place.environment, instructions }, semantic);
}

/** What a browser's SDK is served. */
async function served(server: Server, place: Place, key: string): Promise<unknown> {
  const { _id } = await server.api<{ _id: string }>('GET', `/projects/${place.project}/environments/${place.environment}`);
  const context = Buffer.from(JSON.stringify({ kind: 'user', key })).toString('base64url');
  const response = await fetch(`${server.url}/sdk/evalx/${_id}/contexts/${context}`);
  const flags = await response.json() as Record<string, { value: unknown }>;
  return flags.banner?.value;
}

async function choose(page: Page, name: string, option: string) {
  await page.getByRole('combobox', { name, exact: true }).click();
  await page.getByRole('option', { name: option, exact: true }).click();
}

test('a rule is added, tried before it is saved, and saved with a comment', async ({ page, place, server }) => {
  await banner(server, place);
  // All rules are in view: a page that scrolls between press and move drags nothing.
  await page.setViewportSize({ width: 1360, height: 1500 });
  await page.goto(at(place, 'flags/banner'));
  const rules = page.getByRole('list', { name: 'Rules' });
  await expect(rules.getByRole('listitem', { name: 'Rule 1' }).getByLabel('Rule 1: name')).toHaveValue('Testers');

  await page.getByRole('button', { name: 'Add rule' }).click();
  await page.getByRole('button', { name: 'Review and save' }).click();
  await expect(page.getByText('1 thing has to be put right first')).toBeVisible();
  await page.getByRole('combobox', { name: 'Rule 2, condition 1: add a segment' }).fill('intent');
  await page.getByRole('option', { name: 'High-intent shoppers' }).click();
  await expect(page.getByRole('list', { name: 'Rule 2, condition 1: segments' })).toContainText('1,284 members');
  await choose(page, 'Rule 2: serve', 'Percentage rollout');
  await page.getByLabel('Rule 2: share of true').fill('80');
  await expect(page.getByLabel('Rule 2: share of false')).toHaveValue('20 %');
  await page.getByRole('button', { name: 'Rule 2 actions' }).click();
  await page.getByRole('menuitem', { name: 'Move up' }).click();
  await expect(page.getByLabel('Rule 2: name')).toHaveValue('Testers');
  await page.getByTitle('Drag to move').first().dragTo(rules.getByRole('listitem', { name: 'Rule 2', exact: true }));
  await expect(page.getByLabel('Rule 1: name')).toHaveValue('Testers');
  await page.getByTitle('Drag to move').last().dragTo(rules.getByRole('listitem', { name: 'Rule 1', exact: true }));
  await expect(page.getByText('1 unsaved change · Rule 1: new, if in High-intent shoppers serve true 80 %, false 20 %')).toBeVisible();

  await page.getByLabel('Context key').fill(ana);
  await page.getByLabel('Attributes, as JSON').fill('{"country": ');
  await page.getByRole('button', { name: 'Evaluate' }).click();
  await expect(page.getByText('Write a JSON object')).toBeVisible();
  await page.getByLabel('Attributes, as JSON').fill('{"country": "DE"}');
  await page.getByRole('button', { name: 'Evaluate' }).click();
  await expect(page.getByText(/^Rule 1 matched: in High-intent shoppers since .*\. Bucket \d+/)).toBeVisible();
  await expect(page.getByText('Uses your unsaved change. Saved version serves false')).toBeVisible();
  await inBothThemes(page, () => expectAccessible(page));
  expect(await served(server, place, ana)).toBe(false);

  await page.getByRole('button', { name: 'Review and save' }).click();
  const dialog = page.getByRole('dialog');
  await expect(dialog.getByRole('listitem')).toHaveText(['Rule 1: new, if in High-intent shoppers serve true 80 %, false 20 %']);
  await dialog.getByLabel('Comment (optional)').fill('Shoppers who mean it');
  await expectAccessible(page);
  await dialog.getByRole('button', { name: 'Save', exact: true }).click();
  await expect(page.getByText('Saved 1 change of Banner.')).toBeVisible();
  await expect(page.getByRole('button', { name: 'Review and save' })).toHaveCount(0);

  await page.reload();
  await expect(page.getByLabel('Rule 1: share of true')).toHaveValue('80 %');
  await expect(page.getByLabel('Rule 2: name')).toHaveValue('Testers');
  await page.getByLabel('Context key').fill(ana);
  await page.getByRole('button', { name: 'Evaluate' }).click();
  await expect(page.getByText(/^Serves (true|false)\.$/)).toContainText(`Serves ${String(await served(server, place, ana))}.`);
  const { items } = await server.api<{ items: { comment?: string }[] }>('GET', `/auditlog?limit=1&spec=proj/${place.project}:env/production:flag/banner`);
  expect(items[0]?.comment).toBe('Shoppers who mean it');
});

test('what somebody else saves meanwhile comes under the edits', async ({ page, place, server }) => {
  const flag = await banner(server, place);
  await page.goto(at(place, 'flags/banner'));
  await choose(page, 'Everyone else: serve', 'Percentage rollout');
  await page.getByLabel('Rule 1: name').fill('Testers in the west');
  await expect(page.getByText('2 unsaved changes')).toBeVisible();
  await expect(page.getByText('Connected', { exact: true })).toBeVisible();

  await instruct(server, place, [
    { kind: 'updateRuleVariationOrRollout', ruleId: flag.environments.production?.rules[0]?._id, variationId: flag.variations[1]?._id },
    { kind: 'addTargets', contextKind: 'user', variationId: flag.variations[0]?._id, values: ['jon'] },
  ]);
  await expect(page.getByText('Your edits are kept.')).toBeVisible();
  await expect(page.getByRole('combobox', { name: 'Rule 1: serve', exact: true })).toHaveValue('false');
  await page.getByRole('button', { name: 'Show the difference' }).click();
  await expect(page.getByRole('list', { name: 'What was changed meanwhile' }).getByRole('listitem')).toHaveText(['Targets: user jon served true', 'Rule 1: true → false']);
  await expectAccessible(page);

  await page.getByRole('link', { name: 'Segments', exact: true }).click();
  await expect(page.getByRole('dialog', { name: 'Leave without saving?' })).toBeVisible();
  await page.getByRole('button', { name: 'Stay' }).click();
  await page.getByRole('button', { name: 'Review and save' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Save', exact: true }).click();
  await expect(page.getByText('Saved 2 changes of Banner.')).toBeVisible();
  await expect(page.getByText('Your edits are kept.')).toHaveCount(0);
  const { environments } = await server.api<Flag>('GET', `/flags/${place.project}/banner`);
  expect(environments.production).toMatchObject({
    targets: [{ values: ['jon'], variation: 0 }], rules: [{ description: 'Testers in the west', variation: 1 }],
    fallthrough: { rollout: { variations: [{ variation: 0, weight: 50_000 }, { variation: 1, weight: 50_000 }] } },
  });
});

test('a save that comes too late loses nothing, and one that nobody is in the way of goes through', async ({ page, context, complaints, place, server }) => {
  // Without the live stream the page hears of changes by the refusal of its own.
  complaints.expect(/activity/);
  await context.route('**/activity', (route) => route.abort());
  const flag = await banner(server, place);
  const review = async () => {
    await page.getByRole('button', { name: 'Review and save' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Save', exact: true }).click();
  };
  await page.goto(at(place, 'flags/banner'));
  await choose(page, 'When off: serve', 'true');
  await instruct(server, { ...place, environment: 'test' }, [{ kind: 'turnFlagOn' }]);
  await review();
  await expect(page.getByText('Saved 1 change of Banner.')).toBeVisible();

  await choose(page, 'Everyone else: serve', 'true');
  await instruct(server, place, [{ kind: 'addTargets', contextKind: 'user', variationId: flag.variations[0]?._id, values: ['jon'] }]);
  await review();
  const dialog = page.getByRole('dialog');
  await expect(dialog.getByText('Your edits are kept.')).toBeVisible();
  await expect(dialog.getByRole('list', { name: 'Changes' }).getByRole('listitem')).toHaveText(['Everyone else: false → true']);
  await dialog.getByRole('button', { name: 'Save', exact: true }).click();
  await expect(dialog).toHaveCount(0);
  const { environments } = await server.api<Flag>('GET', `/flags/${place.project}/banner`);
  expect(environments.production).toMatchObject({ targets: [{ values: ['jon'] }], fallthrough: { variation: 0 }, offVariation: 0 });
});

test('who may not change it sees it, and why', async ({ page, context, place, server }) => {
  await banner(server, place);
  const { token } = await server.api<{ token: string }>('POST', '/tokens', { name: 'Reader', role: 'reader' });
  await context.clearCookies();
  await signIn(context, server, token);
  await page.goto(at(place, 'flags/banner'));
  await expect(page.getByText('Needs updateFallthrough on this flag. Ask an admin.')).toBeVisible();
  await expect(page.getByRole('combobox', { name: 'Everyone else: serve', exact: true })).toBeDisabled();
  await page.getByRole('button', { name: 'Add rule' }).focus();
  await expect(page.getByRole('tooltip').filter({ hasText: 'Needs updateRules on this flag. Ask an admin.' })).toBeVisible();
  await page.getByLabel('Context key').fill('somebody');
  await page.getByRole('button', { name: 'Evaluate' }).click();
  await expect(page.getByText('No rule matched: everyone else.')).toBeVisible();
  await page.setViewportSize({ width: 360, height: 780 });
  await expectNoSidewaysScroll(page);
  await inBothThemes(page, () => expectAccessible(page));
});
