import { existsSync } from 'node:fs';

import { defineConfig } from '@playwright/test';

const chromiums = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** Two workers, each with a server and a browser of its own, keep two cores busy; more would wait for each other. */
export default defineConfig({
  testDir: 'e2e',
  outputDir: 'test-results',
  workers: 2,
  projects: [
    { name: 'journeys', testMatch: '*.spec.ts' },
    { name: 'screenshots', testMatch: 'screenshots*.ts' },
    { name: 'scale', testMatch: 'scale.ts' },
  ],
  // Only what hangs ends by these: nothing is timed here.
  timeout: 120_000,
  expect: { timeout: 20_000 },
  forbidOnly: true,
  reporter: 'list',
  use: {
    viewport: { width: 1360, height: 900 },
    screenshot: 'only-on-failure',
    // What fades or slides would only be waited for; the journeys of the shell that are about it have it move.
    reducedMotion: 'reduce',
    launchOptions: {
      executablePath: process.env.CHROMIUM ?? chromiums.find((path) => existsSync(path)),
      args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
    },
  },
});
