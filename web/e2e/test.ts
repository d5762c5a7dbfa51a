import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

import { test as base, expect, type BrowserContext, type Page } from '@playwright/test';

import { Server } from './server';

/** What pages complained about. A test fails on any of it that it did not expect. */
export class Complaints {
  private readonly heard: string[] = [];
  private readonly expected: RegExp[] = [];

  /** Lets complaints pass that match: for tests that break something on purpose. */
  expect(...patterns: RegExp[]) {
    this.expected.push(...patterns);
  }

  listen(context: BrowserContext) {
    context.on('console', (message) => {
      if (message.type() !== 'error' && message.type() !== 'warning') return;
      // Browsers report each refused request; what pages make of one is for tests to look at.
      if (/status of 4\d\d/.test(message.text()) && message.location().url.includes('/api/v2/')) return;
      this.heard.push(`${message.type()}: ${message.text()} (${message.location().url})`);
    });
    context.on('weberror', (event) => this.heard.push(`uncaught: ${event.error().stack ?? event.error().message}`));
  }

  get unexpected(): string[] {
    return this.heard.filter((text) => !this.expected.some((pattern) => pattern.test(text)));
  }
}

export interface Place {
  project: string;
  environment: string;
}

interface Fixtures {
  /** A project of the test's own, with the environments production and test; the place is production. */
  place: Place;
  complaints: Complaints;
  /** Signed in by the administrator's token, unless `signedIn` is false. */
  page: Page;
  signedIn: boolean;
}

/** The address of a page of an environment: at(place, 'segments'). */
export function at(place: Place, page: string): string {
  return `/ui/projects/${place.project}/environments/${place.environment}/${page}`;
}

/** Gives a browser the session of a token, the administrator's without one. */
export async function signIn(context: BrowserContext, server: Server, token = server.token) {
  const response = await context.request.post(`${server.url}/api/v2/session`, { data: { token }, headers: { 'X-Requested-With': 'muster' } });
  expect(response.status()).toBe(200);
}

let projects = 0;

export const test = base.extend<Fixtures, { server: Server }>({
  server: [async ({}, use) => {
    const server = await Server.start();
    await use(server);
    await server.remove();
  }, { scope: 'worker' }],
  signedIn: [true, { option: true }],
  baseURL: async ({ server }, use) => use(server.url),
  place: async ({ server }, use, info) => {
    const project = `p${++projects}-${info.workerIndex}`;
    await server.api('POST', '/projects', { key: project, name: info.title.slice(0, 40) });
    await use({ project, environment: 'production' });
  },
  complaints: async ({}, use) => {
    const complaints = new Complaints();
    await use(complaints);
    expect(complaints.unexpected, 'what pages complained about').toEqual([]);
  },
  context: async ({ context, server, signedIn, complaints }, use) => {
    complaints.listen(context);
    if (signedIn) await signIn(context, server);
    await use(context);
  },
});

const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** Fails when axe finds anything wrong with what the page shows at this moment. */
export async function expectAccessible(page: Page) {
  // Colours are measured when nothing fades any more.
  await page.waitForFunction(() => document.getAnimations().every((animation) => animation.playState !== 'running' || animation.effect?.getComputedTiming().endTime === Infinity));
  // A page that was not loaded anew since has it still.
  if (!await page.evaluate(() => 'axe' in window)) await page.evaluate(axeSource);
  const found = await page.evaluate(async () => {
    const { axe } = window as unknown as { axe: typeof import('axe-core') };
    const { violations } = await axe.run({ resultTypes: ['violations'] });
    return violations.map(({ id, help, nodes }) => `${id}: ${help}\n${nodes.map((node) => `  ${node.html.slice(0, 300)}\n  ${node.failureSummary ?? ''}`).join('\n')}`);
  });
  expect(found.join('\n\n')).toBe('');
}

/** Runs a check in light and in dark. */
export async function inBothThemes(page: Page, check: () => Promise<void>) {
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme });
    await expect(page.locator('html')).toHaveAttribute('data-mantine-color-scheme', colorScheme);
    await check();
  }
}

/** Fails when the page scrolls sideways. */
export async function expectNoSidewaysScroll(page: Page) {
  expect(await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)).toBeLessThanOrEqual(0);
}

/** Keeps answers to a method and address back. `arrived` is true once the server has answered; `let` lets the answer go on. */
export async function heldBack(page: Page, method: string, url: string): Promise<{ arrived: () => boolean; let: () => void }> {
  let arrived = false;
  let go = () => {};
  const free = new Promise<void>((done) => (go = done));
  await page.route(url, async (route) => {
    if (route.request().method() !== method) return route.fallback();
    const response = await route.fetch();
    arrived = true;
    await free;
    await route.fulfill({ response });
  });
  return { arrived: () => arrived, let: go };
}

export { expect };
