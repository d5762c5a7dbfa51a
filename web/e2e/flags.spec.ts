import { report, sample, segment } from './sample';
import { at, expect, expectAccessible, expectNoSidewaysScroll, inBothThemes, signIn, test } from './test';

interface Flag {
  environments: Record<string, { on: boolean; fallthrough: { variation?: number }; rules: { variation?: number; clauses: { values: string[] }[] }[] }>;
  variations: { value: unknown; name?: string }[];
  defaults: { onVariation: number; offVariation: number };
}

test('a flag is made, found and turned on; a critical environment asks first', async ({ page, place, server }) => {
  await server.api('PATCH', `/projects/${place.project}/environments/${place.environment}`, [{ op: 'replace', path: '/critical', value: true }]);
  await page.goto(at(place, 'flags'));
  await expect(page.getByRole('heading', { name: 'No flags yet' })).toBeVisible();
  await page.getByRole('button', { name: 'Create flag' }).click();
  await expect(page).toHaveURL(/create=true/);
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Name').fill('Free shipping');
  await expect(dialog.getByLabel('Key')).toHaveValue('free-shipping');
  await expectAccessible(page);
  await dialog.getByRole('button', { name: 'Create', exact: true }).click();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Free shipping');

  await sample(server, place);
  await page.getByRole('link', { name: 'Flags' }).first().click();
  await expect(page.getByRole('row', { name: /Free shipping/ })).toContainText('false for all');
  await expect(page.getByRole('row', { name: /High-intent banner/ })).toContainText('by 1 rule, else true');
  await inBothThemes(page, () => expectAccessible(page));
  await page.getByLabel('Search flags').fill('shipping');
  await expect(page).toHaveURL(/q=shipping/);
  await expect(page.getByRole('row')).toHaveCount(2);
  await page.getByRole('switch', { name: 'Free shipping in Production' }).click();
  await expect(dialog.getByText('0 evaluations in the last 24 h. SDKs will serve true for all.')).toBeVisible();
  await dialog.getByRole('button', { name: 'Turn on', exact: true }).click();
  await expect(page.getByRole('row', { name: /Free shipping/ })).toContainText('true for all');
  const flag = await server.api<Flag>('GET', `/flags/${place.project}/free-shipping`);
  expect([flag.environments.production?.on, flag.environments.test?.on]).toEqual([true, false]);
  await page.setViewportSize({ width: 360, height: 800 });
  await expectNoSidewaysScroll(page);
  await expectAccessible(page);
});

test('flags are filtered by state, segment and tag; a switch has a way back', async ({ page, place, server }) => {
  await sample(server, place);
  await server.api('PATCH', `/flags/${place.project}/legacy-checkout`, [{ op: 'replace', path: '/tags', value: ['checkout'] }]);
  await report(server, place, 'legacy-checkout', [4, 1230]);
  const pulse = async () => {
    const { items } = await server.api<{ items: { environments: Record<string, { _muster: { evaluations24h: number; modifiedBy: { name: string } } }> }[] }>(
      'GET', `/flags/${place.project}?env=${place.environment}&filter=query:legacy&expand=pulse`);
    return items[0]?.environments.production?._muster;
  };
  await expect.poll(async () => (await pulse())?.evaluations24h).toBe(1234);
  await page.goto(at(place, 'flags'));
  const rows = page.getByRole('table', { name: 'Flags' }).getByRole('rowheader');
  await expect(rows).toHaveCount(2);
  await expect(page.getByRole('row', { name: /Legacy checkout/ }).getByRole('cell', { name: '1,234', exact: true })).toBeVisible();
  await expect(page.getByRole('row', { name: /Legacy checkout/ })).toContainText((await pulse())?.modifiedBy.name ?? 'nobody');
  await expect(page.getByRole('row', { name: /Legacy checkout/ }).getByRole('img', { name: /^Evaluations by the hour: .*1,234/ })).toBeVisible();
  await expect(page.getByRole('row', { name: /High-intent/ }).getByRole('img', { name: 'Not evaluated in the last 24 hours' })).toBeVisible();
  await page.getByRole('combobox', { name: 'Segment' }).fill('beta');
  await page.getByRole('option', { name: 'Beta testers' }).click();
  await expect(page).toHaveURL(/segment=beta-testers/);
  await expect(rows).toContainText(['High-intent banner']);
  await expect(page.getByText('1 result')).toBeVisible();
  await page.getByRole('combobox', { name: 'State' }).click();
  await page.getByRole('option', { name: 'Off' }).click();
  await expect(page.getByText('Nothing matches these filters.')).toBeVisible();
  const words = page.getByLabel('Search flags');
  await words.fill('nothing like it');
  await expect(page).toHaveURL(/q=nothing/);
  await page.getByRole('button', { name: 'Clear filters' }).click();
  await expect(words).toHaveValue('');
  await expect(rows).toHaveCount(2);
  await page.getByRole('combobox', { name: 'Tag' }).click();
  await page.getByRole('option', { name: 'checkout' }).click();
  await expect(rows).toContainText(['Legacy checkout']);
  await page.reload();
  await expect(rows).toContainText(['Legacy checkout']);

  const toggle = page.getByRole('switch', { name: 'Legacy checkout in Production' });
  await toggle.click();
  await expect(toggle).toBeChecked();
  await page.getByRole('button', { name: 'Undo' }).click();
  await expect(toggle).not.toBeChecked();
  await expect.poll(async () => (await server.api<Flag>('GET', `/flags/${place.project}/legacy-checkout`)).environments.production?.on).toBe(false);
});

test('who may turn some flags only sees why not the others, and a switch that the server refuses stays', async ({ page, context, place, server }) => {
  await server.api('POST', `/flags/${place.project}`, { key: 'banner', name: 'Banner', tags: ['web'] });
  await server.api('POST', `/flags/${place.project}`, { key: 'checkout', name: 'Checkout' });
  const mayTurn = (flags: string) => [
    { effect: 'allow', actions: ['viewProject'], resources: [`proj/${place.project}`] },
    { effect: 'allow', actions: ['updateOn'], resources: [`proj/${place.project}:env/*:flag/${flags}`] },
  ];
  const { _id, token } = await server.api<{ _id: string; token: string }>('POST', '/tokens', { name: 'Web team', inlineRole: mayTurn('*;web') });
  await context.clearCookies();
  await signIn(context, server, token);
  await page.setViewportSize({ width: 360, height: 800 });
  await page.goto(at(place, 'flags'));
  const checkout = page.getByRole('row', { name: /Checkout/ }).getByRole('switch');
  await expect(checkout).toHaveAttribute('aria-disabled', 'true');
  await checkout.focus();
  await expect(page.getByRole('tooltip')).toHaveText('Needs updateOn on this flag. Ask an admin.');
  await checkout.press('Space');
  await expect(checkout).not.toBeChecked();
  const row = page.getByRole('row', { name: /Banner/ });
  await expect(row.getByRole('switch')).not.toHaveAttribute('aria-disabled');
  // What was allowed when the list came may not be any more.
  await server.api('PATCH', `/tokens/${_id}`, [{ op: 'replace', path: '/inlineRole', value: mayTurn('none') }]);
  await row.getByRole('switch').press('Space');
  await expect(row.getByRole('alert')).toContainText(/^Banner stays off\. .*updateOn/);
  await expect(row.getByRole('switch')).not.toBeChecked();
  await expectNoSidewaysScroll(page);
  await inBothThemes(page, () => expectAccessible(page));
});

test('a question whether to turn a flag goes when somebody else has turned it', async ({ page, place, server }) => {
  await server.api('PATCH', `/projects/${place.project}/environments/${place.environment}`, [{ op: 'replace', path: '/critical', value: true }]);
  await server.api('POST', `/flags/${place.project}`, { key: 'banner', name: 'Banner' });
  const { token } = await server.api<{ token: string }>('POST', '/tokens', { name: 'Robot', role: 'writer', serviceToken: true });
  const turn = (kind: string) => server.api('PATCH', `/flags/${place.project}/banner`, { environmentKey: place.environment, instructions: [{ kind }] }, {
    'Content-Type': 'application/json; domain-model=launchdarkly.semanticpatch', 'Authorization': token,
  });
  const dialog = page.getByRole('dialog');
  for (const [path, to] of [['flags', 'on'], ['flags/banner', 'off']] as const) {
    await page.goto(at(place, path));
    const toggle = page.getByRole('switch', { name: 'Banner in Production' });
    await expect(page.getByText('Connected', { exact: true })).toBeVisible();
    await toggle.click();
    const confirm = dialog.getByRole('button', { name: `Turn ${to}`, exact: true });
    await confirm.focus();
    await turn(to === 'on' ? 'turnFlagOn' : 'turnFlagOff');
    await expect(dialog.getByRole('status')).toHaveText(`The token Robot turned it ${to} meanwhile. SDKs serve ${to === 'on'} for all.`);
    await expect(confirm).toHaveCount(0);
    await expect(dialog.getByRole('button', { name: 'Close' }).last()).toBeFocused();
    await expectAccessible(page);
    await page.keyboard.press('Enter');
    await expect(dialog).toHaveCount(0);
    await expect(toggle).toBeChecked({ checked: to === 'on' });
  }
});

test('a segment is used in a new flag of numbers', async ({ page, place, server }) => {
  await segment(server, place, 'vip', 'Very important');
  await page.goto(at(place, 'segments/vip/flags'));
  await page.getByRole('link', { name: 'Use it in a flag' }).click();
  const dialog = page.getByRole('dialog');
  await expect(dialog).toContainText('serves the members of vip true; everyone else gets false.');
  await dialog.getByLabel('Name', { exact: true }).fill('Discount');
  await dialog.getByText('Number', { exact: true }).click();
  await expect(dialog).toContainText('serves the members of vip the first variation; everyone else gets the last.');
  await dialog.getByLabel('Value of variation 1').fill('twenty');
  await dialog.getByRole('button', { name: 'Create', exact: true }).click();
  await expect(dialog.getByText('Type a number.')).toHaveCount(2);
  await inBothThemes(page, () => expectAccessible(page));
  await dialog.getByLabel('Value of variation 1').fill('20');
  await dialog.getByLabel('Name of variation 1').fill('A fifth');
  await dialog.getByLabel('Value of variation 2').fill('0');
  await page.setViewportSize({ width: 360, height: 800 });
  await expectNoSidewaysScroll(page);
  await dialog.getByRole('button', { name: 'Create', exact: true }).click();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Discount');
  const { variations, defaults, environments } = await server.api<Flag>('GET', `/flags/${place.project}/discount`);
  expect(variations.map(({ value, name }) => [value, name])).toEqual([[20, 'A fifth'], [0, undefined]]);
  expect(defaults).toEqual({ onVariation: 0, offVariation: 1 });
  expect(environments.production?.rules.map(({ variation, clauses }) => [variation, clauses[0]?.values])).toEqual([[0, ['vip']]]);
  expect([environments.production?.fallthrough.variation, environments.test?.rules ?? []]).toEqual([1, []]);
});
