import { sample, segment } from './sample';
import { Server } from './server';
import { at, expect, expectAccessible, inBothThemes, signIn, test } from './test';

test('everything can be reached by keys alone', async ({ page, place, server }) => {
  await sample(server, place);
  await page.goto(at(place, 'segments'));
  await expect(page.getByRole('heading', { level: 1, name: 'Segments' })).toBeFocused();
  await page.keyboard.press('?');
  const list = page.getByRole('dialog', { name: 'Keyboard shortcuts' });
  await expect(list).toBeVisible();
  await expect(list.getByRole('region', { name: 'On a page' })).toContainText('Save');
  await inBothThemes(page, () => expectAccessible(page));
  await page.keyboard.press('Escape');
  await expect(list).toBeHidden();

  await page.keyboard.press('j');
  await expect(page.getByRole('link', { name: 'Beta testers' })).toBeFocused();
  await page.keyboard.press('j');
  await page.keyboard.press('k');
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(/\/segments\/beta-testers$/);

  await page.keyboard.press('g');
  await page.keyboard.press('u');
  await expect(page.getByRole('heading', { level: 1, name: 'Audit' })).toBeFocused();
  await page.keyboard.press('g');
  await page.keyboard.press('s');
  await expect(page.getByRole('heading', { level: 1, name: 'Segments' })).toBeVisible();

  await page.keyboard.press('/');
  const palette = page.getByRole('combobox', { name: 'Search or jump to' });
  await expect(palette).toBeFocused();
  await page.keyboard.type('banner');
  await expect(page.getByRole('option', { name: /High-intent banner/ })).toHaveAttribute('aria-selected', 'true');
  await inBothThemes(page, () => expectAccessible(page));
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(/\/flags\/high-intent-banner$/);
  await expect(palette).toBeHidden();
  const flag = page.getByRole('heading', { level: 1, name: 'High-intent banner' });
  await expect(flag).toBeFocused();
  await page.keyboard.press('Control+k');
  await page.keyboard.type('segm'); // at once: no letter is lost
  await expect(palette).toHaveValue('segm');
  await expect(page.getByRole('option', { name: /Look up context “segm”/ })).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(palette).toBeHidden();
  await expect(flag).toBeFocused();
  await page.keyboard.press('Control+k');
  await expect(page.getByRole('option').first()).toContainText('High-intent banner');
  await page.keyboard.press('Escape');

  await page.getByRole('button', { name: /^Signed in as/ }).focus();
  await page.keyboard.press('Enter');
  await expect(page.getByRole('menu')).toBeVisible();
  await expectAccessible(page);
  await page.getByRole('menuitem', { name: 'Turn single keys off' }).click();
  await expect(page.getByRole('menu')).toBeHidden();
  await page.keyboard.press('?');
  await page.keyboard.press('Control+k');
  await expect(palette).toBeVisible();
  await expect(list).toHaveCount(0);
});

test.describe('where things move', () => {
  test.use({ reducedMotion: 'no-preference' });

  test('keys reach what they open before it has come to rest, and the page again before that has gone', async ({ page, place, server }) => {
    await sample(server, place);
    await page.goto(at(place, 'segments'));
    const heading = page.getByRole('heading', { level: 1, name: 'Segments' });
    await expect(heading).toBeFocused();
    await page.keyboard.press('/');
    await page.keyboard.type('banner');
    await expect(page.getByRole('combobox', { name: 'Search or jump to' })).toHaveValue('banner');
    await page.keyboard.press('Escape');
    await expect(heading).toBeFocused();
    await page.keyboard.press('?');
    await expect(page.getByRole('dialog').getByRole('button', { name: 'Close' })).toBeFocused();
    await page.keyboard.press('Escape');
    await expect(heading).toBeFocused();
    await expect(page.getByRole('dialog')).toHaveCount(0);
    await page.keyboard.press('j');
    await expect(page.getByRole('link', { name: 'Beta testers' })).toBeFocused();
  });

  test('what lies over a page comes within 160 ms, and at once for who wants no motion', async ({ page, place }) => {
    const moved: string[] = [];
    await page.exposeFunction('tellMotion', (what: string) => moved.push(what));
    await page.addInitScript(() => {
      document.addEventListener('transitionrun', (event) => {
        const over = (event.target as Element).closest('[role="dialog"], [role="menu"]');
        if (!over || over !== event.target) return;
        const { transitionDuration, transitionProperty } = getComputedStyle(over);
        void (window as unknown as { tellMotion: (what: string) => Promise<void> }).tellMotion(`${over.role} ${transitionProperty} ${transitionDuration}`);
      });
    });
    const lookAtAll = async () => {
      await page.goto(at(place, 'destinations'));
      await page.getByRole('button', { name: 'Add destination' }).click();
      await expect(page.getByRole('dialog', { name: 'Add destination' })).toBeVisible();
      await page.keyboard.press('Escape');
      await expect(page.getByRole('dialog')).toHaveCount(0);
      await page.getByRole('button', { name: /^Signed in as/ }).click();
      await page.getByRole('menuitem', { name: 'Keyboard shortcuts' }).click();
      await expect(page.getByRole('dialog', { name: 'Keyboard shortcuts' })).toBeVisible();
      await page.keyboard.press('Escape');
      await expect(page.getByRole('dialog')).toHaveCount(0);
    };
    await lookAtAll();
    await expect.poll(() => [...new Set(moved)].sort()).toEqual(['dialog opacity, transform 0.16s', 'menu opacity, transform 0.16s']);
    await page.emulateMedia({ reducedMotion: 'reduce' });
    moved.length = 0;
    await lookAtAll();
    expect(moved).toEqual([]);
  });
});

test('on a narrow page dialogs lie at its foot, drawers take its width and messages leave its buttons free', async ({ page, place, server }) => {
  await page.setViewportSize({ width: 360, height: 780 });
  await sample(server, place);
  await page.goto(at(place, 'segments/beta-testers/settings'));
  await page.getByRole('button', { name: 'Open navigation' }).click();
  const drawer = page.getByRole('dialog', { name: 'muster' });
  await expect.poll(() => drawer.boundingBox()).toEqual({ x: 0, y: 0, width: 360, height: 780 });
  await inBothThemes(page, () => expectAccessible(page));
  await page.keyboard.press('Escape');
  await expect(drawer).toBeHidden();
  await page.keyboard.press('?');
  const list = page.getByRole('dialog', { name: 'Keyboard shortcuts' });
  await expect.poll(() => list.boundingBox().then((box) => box && { left: box.x, right: box.x + box.width, foot: box.y + box.height })).toEqual({ left: 0, right: 360, foot: 780 });
  await inBothThemes(page, () => expectAccessible(page));
  await page.keyboard.press('Escape');
  await expect(list).toBeHidden();

  await page.getByLabel('Name').fill('Beta group');
  const save = page.getByRole('button', { name: 'Save', exact: true });
  const bar = await save.boundingBox();
  await page.keyboard.press('Control+s');
  const message = page.getByRole('status').filter({ hasText: /^Saved/ });
  await expect(message).toBeVisible();
  await expect.poll(() => message.boundingBox().then((box) => box && box.x >= 0 && box.x + box.width <= 360 && box.y > 52 && box.y + box.height < (bar?.y ?? 0))).toBe(true);
});

test('the theme is kept, also by pages that are loaded anew', async ({ page, place }) => {
  await page.emulateMedia({ colorScheme: 'light' });
  await page.goto(at(place, 'segments'));
  await page.getByRole('button', { name: 'Switch to dark theme' }).click();
  await expect(page.locator('html')).toHaveAttribute('data-mantine-color-scheme', 'dark');
  await page.goto(at(place, 'flags'));
  await page.getByRole('button', { name: 'Switch to light theme' }).click();
  await expect(page.locator('html')).toHaveAttribute('data-mantine-color-scheme', 'light');
});

test('the switch leads to the same page of another environment, and pages that are not there say so', async ({ page, place, server }) => {
  await page.goto(at(place, 'destinations'));
  const change = page.getByRole('button', { name: /^Project and environment/ });
  await change.click();
  await expect(page.getByLabel('Search projects')).toBeFocused();
  await inBothThemes(page, () => expectAccessible(page));
  await page.getByRole('list', { name: 'Environments' }).getByRole('link', { name: 'Test' }).click();
  await expect(page).toHaveURL(new RegExp(`/projects/${place.project}/environments/test/destinations$`));
  // There may be more projects than are listed: the server finds them.
  const other = `${place.project}-other`;
  await server.api('POST', '/projects', { key: other, name: 'Zebra crossing' });
  for (let n = 0; n < 25; n++) await server.api('POST', '/projects', { key: `${place.project}-${n}`, name: `A project ${n}` });
  await page.goto(`/ui/projects/${other}/environments/production/destinations`);
  await expect(change).toHaveText(/Zebra crossing/);
  await change.click();
  await expect(page.getByRole('dialog')).toContainText(/\d+ other projects: type a part of the name or key\./);
  await page.getByLabel('Search projects').fill(`${place.project}-7`);
  await page.getByRole('list', { name: 'Projects' }).getByRole('button', { name: 'A project 7', exact: true }).click();
  await page.getByRole('list', { name: 'Environments' }).getByRole('link', { name: 'Test' }).click();
  await expect(page).toHaveURL(new RegExp(`/projects/${place.project}-7/environments/test/destinations$`));
  await page.goto(`/ui/projects/${place.project}/environments/nowhere/segments`);
  await expect(page.getByRole('heading', { level: 1, name: 'There is no environment “nowhere” in this project.' })).toBeVisible();
  await inBothThemes(page, () => expectAccessible(page));
  await page.getByRole('main').getByRole('link', { name: 'Production' }).click();
  await expect(page).toHaveURL(new RegExp(`/projects/${place.project}/environments/production/segments$`));
  await page.goto('/ui/no/such/page');
  const nothing = page.getByRole('main').getByRole('heading', { level: 1, name: 'Nothing here' });
  await expect(nothing).toBeVisible();
  expect((await nothing.boundingBox())?.x).toBeGreaterThanOrEqual(24);
  await inBothThemes(page, () => expectAccessible(page));
});

test('when the session is over the page stays, and who signs in again goes on', async ({ page, context, place, server }) => {
  await sample(server, place);
  await page.goto(`${at(place, 'segments')}/new`);
  await page.getByRole('dialog').getByRole('button', { name: /^Add people by hand/ }).click();
  await page.getByLabel('Name').fill('Half written');
  await context.clearCookies();
  await page.getByRole('button', { name: 'Create', exact: true }).dispatchEvent('click'); // the dialog may be over it already, because the live stream has asked
  const again = page.getByRole('dialog', { name: 'Sign in again' });
  await expect(again).toBeVisible();
  await expectAccessible(page);
  await again.getByLabel('Access token').fill(server.token);
  await again.getByRole('button', { name: 'Sign in', exact: true }).click();
  await expect(again).toBeHidden();
  await expect(page.getByLabel('Name')).toHaveValue('Half written');
  await page.getByRole('button', { name: 'Create', exact: true }).click();
  await expect(page).toHaveURL(/\/segments\/half-written\/members$/);
  await page.getByRole('button', { name: /^Signed in as/ }).click();
  await page.getByRole('menuitem', { name: 'Sign out' }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'Sign in' })).toBeVisible();
  await page.goto(at(place, 'segments'));
  await expect(page.getByRole('heading', { level: 1, name: 'Sign in' })).toBeVisible();
});

test.describe('a server of its own', () => {
  test.use({ signedIn: false });

  test('is set up, goes away and comes back', async ({ browser, complaints }) => {
    const own = await Server.start();
    const context = await browser.newContext({ baseURL: own.url });
    complaints.listen(context);
    const page = await context.newPage();
    await page.goto('/ui/sign-in');
    await page.getByRole('link', { name: 'Set up muster' }).click();
    await page.getByRole('button', { name: 'Create the owner account' }).click();
    await expect(page.getByText('Type your name.')).toBeVisible();
    await inBothThemes(page, () => expectAccessible(page));
    await page.goto('about:blank');
    await page.goto(`/ui/first-run#code=${own.setUpCode}`);
    await page.getByLabel('Your name').fill('Mira Okafor');
    await page.getByLabel('Email').fill('mira@example.org');
    await page.getByLabel('Password', { exact: true }).fill('correct horse battery');
    await page.getByRole('button', { name: 'Create the owner account' }).click();
    await expect(page.getByRole('heading', { name: 'No segments in Production yet' })).toBeVisible();
    await expect(page.getByRole('button', { name: 'Signed in as Mira Okafor' })).toBeVisible();

    await expect(page.getByText('Connected', { exact: true })).toBeVisible();
    complaints.expect(/ERR_CONNECTION_REFUSED|ERR_EMPTY_RESPONSE|ERR_CONNECTION_RESET|ERR_INCOMPLETE_CHUNKED_ENCODING/);
    await own.end();
    await expect(page.getByText(/^Cannot reach the server\. Showing data of/)).toBeVisible();
    await expectAccessible(page);
    // Asked by hand it still is away; once it is back the page notices by itself.
    await page.getByRole('button', { name: 'Try now' }).click();
    await expect(page.getByText(/^Cannot reach the server\. Showing data of/)).toBeVisible();
    await own.run();
    await expect(page.getByText(/^Cannot reach the server/)).toBeHidden();
    await expect(page.getByText('Connected', { exact: true })).toBeVisible();

    await page.goto('/ui/first-run');
    await expect(page.getByText('This server is already set up.')).toBeVisible();
    await page.getByRole('link', { name: 'Sign in instead.' }).click();
    await page.getByRole('button', { name: 'Sign in with email and password' }).click();
    await page.getByLabel('Email').fill('mira@example.org');
    await page.getByLabel('Password', { exact: true }).fill('wrong horse battery');
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
    await expect(page.getByRole('alert')).toContainText('That email and password do not belong together.');
    await expectAccessible(page);
    await page.getByLabel('Password', { exact: true }).fill('correct horse battery');
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
    await expect(page.getByRole('heading', { level: 1, name: 'Segments' })).toBeVisible();
    await context.close();
    await own.remove();
  });
});

test('who may not see something is told what is missing, on what, and who can give it', async ({ page, context, place, server }) => {
  await segment(server, place, 'vips', 'VIPs', ['ann']);
  const signInWith = async (...inlineRole: { effect: string; actions: string[]; resources: string[] }[]) => {
    const { token } = await server.api<{ token: string }>('POST', '/tokens', { name: 'narrow', inlineRole });
    await context.clearCookies();
    await signIn(context, server, token);
  };
  await signInWith(
    { effect: 'allow', actions: ['viewProject'], resources: [`proj/${place.project}`] },
    { effect: 'allow', actions: ['viewMember'], resources: ['member/*'] },
  );
  await page.goto(at(place, 'segments/vips/members'));
  await expect(page.getByRole('heading', { name: 'You can see this segment but not its members.' })).toBeVisible();
  const main = page.getByRole('main');
  await expect(main).toContainText(`Needs viewMembers on proj/${place.project}:env/production:segment/vips. Ask `);
  await expect(main.locator('a[href^="mailto:"]').first()).toBeVisible();
  await inBothThemes(page, () => expectAccessible(page));
  await page.goto(at(place, 'contexts?key=ann'));
  await expect(page.getByRole('heading', { name: 'You may not see what a context is in.' })).toBeVisible();
  await expect(main).toContainText('Needs viewMembers on ');
  await expect(main.getByRole('heading')).toHaveCount(2);
  await page.goto('/ui/');
  await expect(page.getByRole('heading', { level: 1, name: 'Segments' })).toBeVisible();
  await page.goto('/ui/projects/default/environments/production/segments');
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('There is no project “default”.');
  await signInWith({ effect: 'allow', actions: ['viewMember'], resources: ['member/*'] });
  await page.goto('/ui/');
  await expect(page.getByRole('heading', { name: 'There is no project that you may see.' })).toBeVisible();
  await expect(main).toContainText(/Needs viewProject on proj\/.+\. Ask /);
  await expectAccessible(page);
});

test('a dialog that is closed in the frame in which it opens gives the focus back', async ({ page, place, server }) => {
  await page.emulateMedia({ reducedMotion: 'no-preference' });
  await segment(server, place, 'list', 'A list', ['ann']);
  await page.goto(at(place, 'segments/list/members'));
  const opener = page.getByRole('button', { name: 'Add members' });
  await expect(page.getByRole('row', { name: 'ann' })).toBeVisible();
  // The dialog stands in the page, and takes the focus only with the next timer.
  await opener.evaluate((button: HTMLElement) => new Promise<void>((closed) => {
    const opening = new MutationObserver(() => {
      if (!document.querySelector('[role="dialog"]')) return;
      opening.disconnect();
      button.dispatchEvent(new KeyboardEvent('keydown', { key: 'Escape', bubbles: true }));
      closed();
    });
    opening.observe(document.body, { childList: true, subtree: true });
    button.focus();
    button.click();
  }));
  await expect(page.getByRole('dialog')).toHaveCount(0);
  await expect(opener).toBeFocused();
  // As always when it has been open for a while.
  await opener.press('Enter');
  await expect(page.getByRole('dialog').getByRole('textbox')).toBeFocused();
  await page.keyboard.press('Escape');
  await expect(page.getByRole('dialog')).toHaveCount(0);
  await expect(opener).toBeFocused();
});

test('what a page has asked is not asked again when the live stream opens', async ({ page, place, server }) => {
  const asked: string[] = [];
  page.on('request', (request) => {
    if (request.method() === 'GET' && request.resourceType() === 'fetch' && request.url().includes('/api/v2/')) asked.push(request.url().slice(server.url.length));
  });
  const position = async () => {
    const answer = await fetch(`${server.url}/api/v2/projects/${place.project}`, { headers: { Authorization: server.token } });
    return Number(answer.headers.get('X-Muster-Activity'));
  };
  // The server may write something of its own just then: what counts is a page that nothing came between. Each is of another
  // environment, so that no page that is on its way out answers for it.
  let here = place;
  await expect(async () => {
    here = { ...place, project: `${here.project}x` };
    await server.api('POST', '/projects', { key: here.project, name: 'Shop' });
    await segment(server, here, 'list', 'A list', ['ann']);
    const before = await position();
    await page.goto('about:blank');
    asked.length = 0;
    await page.goto(at(here, 'segments'));
    await expect(page.getByRole('link', { name: 'A list' })).toBeVisible();
    await expect(page.getByText('Connected', { exact: true })).toBeVisible();
    expect(await position()).toBe(before);
  }).toPass();
  // What would be asked because of the stream goes out before what an event brings.
  await segment(server, here, 'other', 'Another');
  await expect(page.getByRole('link', { name: 'Another' })).toBeVisible();
  const twice = new Set(asked.filter((url, i) => asked.indexOf(url) !== i));
  expect([...twice].filter((url) => !/\/(segments|tags|summary)\b/.test(url))).toEqual([]);
  expect(asked).toContain(`/api/v2/projects/${here.project}/environments/${here.environment}`);
});
