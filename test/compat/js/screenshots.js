// Takes a picture of each page in light and dark, wide and as narrow as a phone.
import { mkdir } from 'node:fs/promises';

import { chromium } from 'playwright-core';

const [base, folder] = process.argv.slice(2);
const pages = { home: '/ui/', reference: '/ui/api/', operation: '/ui/api/#patchSegment' };
const widths = { wide: 1280, narrow: 360 };

await mkdir(folder, { recursive: true });
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});
for (const [name, path] of Object.entries(pages)) {
  for (const colorScheme of ['light', 'dark']) {
    for (const [size, width] of Object.entries(widths)) {
      const page = await browser.newPage({ colorScheme, viewport: { width, height: 900 } });
      await page.goto(base + path, { waitUntil: 'networkidle' });
      await page.screenshot({ path: `${folder}/${name}-${colorScheme}-${size}.png`, fullPage: true });
      await page.close();
    }
  }
}
await browser.close();
