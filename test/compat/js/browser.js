// The browser SDK 4 in headless Chromium, on a page that the test serves from its own origin.
import { chromium } from 'playwright-core';

import { base, contextKey, environmentId, flags, setting, untilInputEnds } from './settings.js';

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
address.search = new URLSearchParams({ base, environment: environmentId, context: contextKey, flags: flags.join(',') });
await page.goto(address.href);

untilInputEnds(() => browser.close());
