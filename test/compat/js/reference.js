// Walks through the reference of the API in headless Chromium, as a reader with a mouse, one with a
// keyboard and axe do, and writes what is wrong to standard error.
import { createRequire } from 'node:module';
import { readFile } from 'node:fs/promises';

import { chromium } from 'playwright-core';

const setting = (name) => process.env[name] ?? (() => { throw new Error(`${name} is not set`); })();
const base = setting('MUSTER_URL');
const token = setting('COMPAT_TOKEN');
const address = `${base}/ui/api/`;
const browser = await chromium.launch({
  executablePath: setting('CHROMIUM'),
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});

const wrong = (text) => {
  process.stderr.write(`${text}\n`);
  process.exitCode = 1;
};
const check = (holds, text) => holds || wrong(text);

async function open(options, hash = '') {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  page.on('pageerror', (error) => wrong(`the page fails: ${error}`));
  page.on('console', (message) => message.type() === 'error' && wrong(`the console says: ${message.text()}`));
  page.on('request', (request) => check(request.url().startsWith(base), `the page asks ${request.url()}`));
  await page.goto(address + hash);
  await page.locator('.operation').first().waitFor();
  return page;
}

// The reader with a mouse: everything can be opened and says something.
async function reads(operations) {
  const page = await open({});
  check(await page.locator('.operation').count() === operations.length, `${await page.locator('.operation').count()} of ${operations.length} operations are shown`);
  for (const id of operations) {
    const text = await page.evaluate(async (name) => {
      const details = document.getElementById(name);
      details.open = true;
      await new Promise((resolve) => details.addEventListener('toggle', resolve, { once: true }));
      for (const inner of details.querySelectorAll('details')) inner.open = true;
      return details.textContent;
    }, id);
    check(text.includes('Answers') && text.includes('curl'), `${id} shows no answers`);
    check(!/undefined|\[object|NaN/.test(text), `${id} shows ${text.match(/.{0,30}(undefined|\[object|NaN).{0,30}/)}`);
  }
  await page.fill('#search', 'patch segment');
  const found = await page.locator('.operation:visible').evaluateAll((all) => all.map((e) => e.id));
  check(found.includes('patchSegment') && !found.includes('getSegment'), `"patch segment" finds ${found}`);
  await page.context().close();
}

// The reader with a keyboard, who tries a request and leaves nothing behind.
async function tries() {
  const page = await open({});
  await page.keyboard.press('/');
  await page.keyboard.type('getEnvironment ');
  await page.locator('#getEnvironment > summary').focus();
  await page.keyboard.press('Enter');
  const form = page.locator('#getEnvironment form');
  await form.locator('[name=getEnvironment-projectKey]').fill('default');
  await form.locator('[name=getEnvironment-environmentKey]').fill('production');
  check((await page.locator('#getEnvironment .curl pre').innerText()).includes(`'${base}/api/v2/projects/default/environments/production'`), 'the curl line lacks the address');
  const send = async (status) => {
    const answered = page.waitForResponse((response) => response.url().includes('/environments/production'));
    await form.locator('[name=getEnvironment-environmentKey]').press('Enter');
    check((await answered).status() === status, `the answer is ${(await answered).status()}, not ${status}`);
    await form.locator('.answer strong', { hasText: String(status) }).waitFor();
  };
  page.removeAllListeners('console'); // it reports the 401
  await send(401);
  await page.fill('#token', token);
  await send(200);
  await form.locator('pre', { hasText: '"apiKey"' }).waitFor();
  const kept = await page.evaluate(() => localStorage.length + sessionStorage.length + document.cookie.length);
  check(kept === 0, 'something is kept in the browser');
  check(!(await page.content()).includes(token), 'the token stands in the page');
  await page.reload();
  check(await page.inputValue('#token') === '', 'the token outlives the page');
  await page.context().close();
}

// axe, which must be let in past the policy of the page.
async function isAccessible() {
  const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
  for (const colorScheme of ['light', 'dark']) {
    for (const width of [1280, 360]) {
      const page = await open({ colorScheme, viewport: { width, height: 900 }, bypassCSP: true }, '#patchFeatureFlag');
      await page.locator('#createBigSegmentImport > summary').click();
      for (const details of await page.locator('.operation[open] details').all()) await details.evaluate((e) => { e.open = true; });
      await page.addScriptTag({ content: axe });
      for (const { help, nodes } of (await page.evaluate(() => globalThis.axe.run())).violations) {
        wrong(`${colorScheme}, ${width}: ${help}: ${nodes.map((node) => node.html).join(' ')}`);
      }
      const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      check(over <= 0, `${colorScheme}, ${width}: the page is ${over} too wide`);
      await page.context().close();
    }
  }
}

const doc = await (await fetch(`${base}/api/v2/openapi.json`)).json();
await reads(Object.values(doc.paths).flatMap((item) => Object.values(item).map((op) => op.operationId)));
await tries();
await isAccessible();
await browser.close();
