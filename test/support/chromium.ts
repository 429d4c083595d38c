/** Chromium for the tests (the variable CHROMIUM names another place); without one they say so and skip. */
import fs from 'node:fs';
import { type Browser, chromium, type Page } from 'playwright-core';

const executablePath = [
  process.env.CHROMIUM,
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
].find((file) => file && fs.existsSync(file));
if (!executablePath)
  console.warn(
    'No Chromium here: the browser tests are skipped (Debian: apt-get install chromium)',
  );

export const describeBrowser = executablePath ? describe : describe.skip;

/** Starts it without a graphics card, and without what it would load by itself. */
export function launchChromium(): Promise<Browser> {
  return chromium.launch({
    executablePath,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}

export interface Watched {
  page: Page;
  /** The addresses that the page asked for. */
  requests: string[];
  /** What it threw and nobody caught. */
  errors: string[];
}

/** Opens an empty page in a context of its own. */
export async function openPage(
  browser: Browser,
  options: Parameters<Browser['newContext']>[0],
): Promise<Watched> {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const watched: Watched = { page, requests: [], errors: [] };
  context.on('request', (request) => watched.requests.push(request.url()));
  page.on('pageerror', (error) => watched.errors.push(error.message));
  return watched;
}
