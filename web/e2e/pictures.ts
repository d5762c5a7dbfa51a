import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import type { Page } from '@playwright/test';

import { expect, test } from './test';

const folder = process.env.SCREENSHOTS ?? fileURLToPath(new URL('../../bin/screenshots', import.meta.url));
const widths = { wide: 1360, narrow: 360 };
const height = 900;
/** What is longer than that is too small to be looked at in one picture. */
const longest = 2600;

mkdirSync(folder, { recursive: true });

/** Runs what takes pictures in light and dark, wide and narrow; look is the end of their names. */
export function inEachLook(takePictures: (look: string) => void) {
  for (const colorScheme of ['light', 'dark'] as const) {
    for (const [size, width] of Object.entries(widths)) {
      test.describe(`${colorScheme}, ${size}`, () => {
        test.use({ colorScheme, viewport: { width, height } });
        takePictures(`${colorScheme}-${size}`);
      });
    }
  }
}

/** Takes a picture of what a page shows once it has all of it; what lies over a page is as high as the window. */
export async function picture(page: Page, name: string, look: string) {
  await expect(page.locator('[aria-busy="true"]')).toHaveCount(0);
  await page.evaluate(() => document.fonts.ready);
  const size = page.viewportSize() ?? { width: widths.wide, height };
  const whole = await page.evaluate(() => document.documentElement.scrollHeight);
  const over = await page.getByRole('dialog').or(page.getByRole('menu')).count() > 0;
  if (!over && whole > size.height) await page.setViewportSize({ ...size, height: Math.min(whole, longest) });
  await page.screenshot({ path: `${folder}/${name}-${look}.png`, animations: 'disabled' });
  await page.setViewportSize(size);
}

/** Takes a picture of the page at an address. */
export async function pictureOf(page: Page, name: string, url: string, look: string) {
  await page.goto(url);
  await expect(page.getByRole('heading', { level: 1 }).first()).toBeVisible();
  for (const chart of await page.getByRole('group', { name: /^Members went/ }).all()) await expect(chart.locator('svg').first()).toBeVisible();
  await picture(page, name, look);
}
