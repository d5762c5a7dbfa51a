// A browser SDK in headless Chromium, on a page that the test serves from its own origin. A line of
// standard input is a context that the page is to identify, with its hash if the page has one.
import { createInterface } from 'node:readline';

import { chromium } from 'playwright-core';

import { base, context, environmentId, flags, setting, untilInputEnds } from './settings.js';

const browser = await chromium.launch({
  executablePath: setting('CHROMIUM'),
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});
const page = await browser.newPage();
page.on('console', (message) => {
  const text = message.text();
  if (text.startsWith('compat ')) process.stdout.write(`${text.slice('compat '.length)}\n`);
  else process.stderr.write(`${text}\n`);
});
page.on('pageerror', (error) => process.stderr.write(`${error}\n`));
const address = new URL(setting('COMPAT_PAGE'));
address.search = new URLSearchParams({
  base, environment: environmentId, context: JSON.stringify(context), flags: flags.join(','),
  hash: process.env.COMPAT_HASH ?? '', report: process.env.COMPAT_REPORT ?? '',
});
await page.goto(address.href);
createInterface({ input: process.stdin }).on('line', (line) => page.evaluate(([who, hash]) => window.identify(who, hash), JSON.parse(line)));

untilInputEnds(() => browser.close());
