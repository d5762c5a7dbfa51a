import type { Page } from '@playwright/test';

import { inEachLook, picture, pictureOf } from './pictures';
import { keysOf, report, sample, segment } from './sample';
import type { Server } from './server';
import { at, expect, test, type Place } from './test';

const semantic = { 'Content-Type': 'application/json; domain-model=launchdarkly.semanticpatch' };

/** A flag of texts with all that targeting knows, by name "Home page hero", and others that are long, of JSON, and plenty. */
async function flags(server: Server, place: Place) {
  const all = `/flags/${place.project}`;
  const make = async (key: string, name: string, more: object = {}) =>
    (await server.api<{ variations: { _id: string }[] }>('POST', all, { key, name, ...more })).variations.map(({ _id }) => _id);
  const instruct = (key: string, instructions: unknown[], comment?: string) => server.api('PATCH', `${all}/${key}`, { environmentKey: place.environment, instructions, comment }, semantic);
  const [control, video, stories] = await make('home-hero', 'Home page hero', {
    tags: ['growth'], variations: [{ value: 'control', name: 'Control' }, { value: 'video', name: 'Video' }, { value: 'stories', name: 'Stories from customers' }, { value: 'none' }],
    defaults: { onVariation: 0, offVariation: 3 },
  });
  const [banner] = (await server.api<{ variations: { _id: string }[] }>('GET', `${all}/high-intent-banner`)).variations;
  const inSegments = (...values: string[]) => ({ contextKind: 'user', attribute: 'segmentMatch', op: 'segmentMatch', values });
  const has = (attribute: string, op: string, values: string[], negate = false) => ({ contextKind: 'user', attribute, op, values, negate });
  await instruct('home-hero', [
    { kind: 'turnFlagOn' }, { kind: 'addPrerequisite', key: 'high-intent-banner', variationId: banner?._id },
    { kind: 'addTargets', contextKind: 'user', variationId: video, values: keysOf(14, 4000) }, { kind: 'addTargets', contextKind: 'user', variationId: control, values: ['ana.lindqvist@example.org'] },
    { kind: 'addRule', description: 'Testers', variationId: video, clauses: [inSegments('beta-testers', 'vips'), has('country', 'in', ['DE', 'FR', 'AT', 'CH'])] },
    {
      kind: 'addRule', description: 'People who are about to buy, on a phone', rolloutWeights: { [String(control)]: 20_000, [String(video)]: 50_000, [String(stories)]: 30_000 }, rolloutContextKind: 'user',
      clauses: [inSegments('rudderstack-high-intent', 'rudderstack-churn', 'rudderstack-dormant'), has('appVersion', 'semVerGreaterThan', ['4.12.0'])],
    },
    { kind: 'addRule', variationId: control, clauses: [has('email', 'endsWith', ['@example.com', '@example.net'], true), { ...inSegments('nobody'), negate: true }] },
    { kind: 'updateFallthroughVariationOrRollout', rolloutWeights: { [String(control)]: 90_000, [String(video)]: 10_000 }, rolloutContextKind: 'user' },
  ], 'Weekend campaign');
  await instruct('home-hero', [{ kind: 'turnFlagOff' }], 'The hero did not load');
  await instruct('home-hero', [{ kind: 'turnFlagOn' }]);
  await make('checkout-redesign-with-express-payment-and-address-book', 'Checkout redesign with express payment, address book and a name that nobody would want to read in full');
  await make('search-config', 'Search configuration', { variations: [{ value: { engine: 'v2', boost: [1, 2, 3] }, name: 'New engine' }, { value: { engine: 'v1' } }] });
  for (let i = 1; i <= 50; i++) await make(`trial-${i}`, `Trial ${i}`, { tags: ['trial'] });
  await report(server, place, 'home-hero', [17_204, 5731, 1911, 7]);
  await report(server, place, 'high-intent-banner', [29_246, 120]);
}

async function editRules(page: Page) {
  await page.getByRole('button', { name: 'Rule 3 actions' }).click();
  await page.getByRole('menuitem', { name: 'Move up' }).click();
  await page.getByLabel('Rule 1: name').fill('Testers and VIPs');
  await expect(page.getByText(/^2 unsaved changes/)).toBeVisible();
}

inEachLook((look) => {
  test('flags, contexts and syncs', async ({ page, place, server }) => {
    test.setTimeout(600_000);
    const take = (name: string, path: string) => pictureOf(page, name, at(place, path), look);
    const dialog = page.getByRole('dialog');
    await take('flags-empty', 'flags');
    await take('syncs-empty', 'syncs');
    await sample(server, place);
    await segment(server, place, 'vips', 'VIPs', keysOf(400));
    await flags(server, place);
    await server.api('PATCH', `/projects/${place.project}/environments/${place.environment}`, [{ op: 'replace', path: '/critical', value: true }]);

    await take('flags', 'flags');
    await page.getByRole('combobox', { name: 'State' }).click();
    await picture(page, 'flags-filter', look);
    await take('flags-filtered', 'flags?q=nothing+like+it');
    await page.goto(at(place, 'flags?q=legacy'));
    await page.getByRole('switch', { name: 'Legacy checkout in Production' }).press('Space');
    await expect(dialog).toContainText('SDKs will serve');
    await picture(page, 'flags-turn', look);
    await take('flags-create', 'flags?create=true');
    await dialog.getByLabel('Name', { exact: true }).fill('Search engine');
    await dialog.getByText('Number', { exact: true }).click();
    await dialog.getByRole('button', { name: 'Create', exact: true }).click();
    await expect(dialog.getByText('Type a number.')).toHaveCount(2);
    await picture(page, 'flags-create-faults', look);

    await take('flag', 'flags/high-intent-banner');
    await take('flag-rules', 'flags/home-hero');
    await page.getByRole('button', { name: 'Rule 2 actions' }).click();
    await picture(page, 'flag-rule-menu', look);
    await page.keyboard.press('Escape');
    await page.getByLabel('Context key').fill('user-000003@example.org');
    await page.getByLabel('Attributes, as JSON').fill('{"country": "DE"}');
    await page.getByRole('button', { name: 'Evaluate' }).click();
    await expect(page.getByText(/^Rule 1 matched/)).toBeVisible();
    await editRules(page);
    await picture(page, 'flag-edited', look);
    await page.getByRole('button', { name: 'Review and save' }).click();
    await expect(dialog.getByRole('listitem')).toHaveCount(2);
    await picture(page, 'flag-review', look);
    await page.keyboard.press('Escape');
    await server.api('PATCH', `/flags/${place.project}/home-hero`, { environmentKey: place.environment, instructions: [{ kind: 'removeTargets', contextKind: 'user', values: keysOf(1, 4000), variationId: await videoOf(server, place) }] }, semantic);
    await expect(page.getByText('Your edits are kept.')).toBeVisible();
    await page.getByRole('button', { name: 'Show the difference' }).click();
    await picture(page, 'flag-overtaken', look);
    await page.getByRole('button', { name: 'Discard' }).click();
    await page.getByRole('button', { name: 'Add rule' }).click();
    await page.getByRole('button', { name: 'Review and save' }).click();
    await expect(page.getByText('1 thing has to be put right first')).toBeVisible();
    await picture(page, 'flag-faults', look);
    await page.getByRole('button', { name: 'Discard' }).click();
    for (const [name, path] of [
      ['flag-long', 'flags/checkout-redesign-with-express-payment-and-address-book'],
      ['flag-variations', 'flags/home-hero/variations'], ['flag-variations-boolean', 'flags/high-intent-banner/variations'], ['flag-variations-json', 'flags/search-config/variations'],
      ['flag-evaluations-none', 'flags/search-config/evaluations'], ['flag-history', 'flags/home-hero/history'], ['flag-settings', 'flags/home-hero/settings'],
      ['flag-unknown', 'flags/no-such-flag'],
    ] as const) await take(name, path);
    await page.goto(at(place, 'flags/home-hero/evaluations'));
    await expect(page.locator('.recharts-surface').first()).toBeVisible();
    await picture(page, 'flag-evaluations', look);
    await page.getByText('View as table').click();
    await picture(page, 'flag-evaluations-table', look);

    for (const [name, path] of [
      ['contexts', 'contexts'], ['contexts-found', 'contexts?kind=user&key=user-000003@example.org'], ['contexts-unknown', 'contexts?kind=user&key=nobody@example.org'],
      ['syncs', 'syncs'], ['syncs-held', 'syncs?state=held'], ['syncs-filtered', 'syncs?state=rolledBack'],
    ] as const) await take(name, path);
  });
});

async function videoOf(server: Server, place: Place): Promise<string | undefined> {
  return (await server.api<{ variations: { _id: string }[] }>('GET', `/flags/${place.project}/home-hero`)).variations[1]?._id;
}
