/** Chromium for the browser tests and for bench/draw.ts. CHROMIUM can name the executable. */
import fs from 'node:fs';
import path from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import { root } from './command';

export const executablePath = [
  process.env.CHROMIUM,
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
].find((file) => file && fs.existsSync(file));

/** Starts Chromium without the GPU and without downloads of its own. */
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

/**
 * Takes a picture of the page, `height` pixels high or else as high as it is, for people to look at. Does nothing unless
 * the variable SCREENSHOTS is set.
 */
export async function screenshot(page: Page, name: string, height?: number): Promise<void> {
  if (!process.env.SCREENSHOTS) return;
  const viewport = page.viewportSize()!;
  height ??= await page.evaluate<number>('document.scrollingElement.scrollHeight');
  // Not Playwright's `fullPage`, which turns the touch screen off meanwhile.
  await page.setViewportSize({ ...viewport, height });
  await page.waitForTimeout(500); // until the figures have resized
  await page.screenshot({ path: path.join(root, 'build', 'screenshots', `${name}.png`) });
  await page.setViewportSize(viewport);
}

export interface Watched {
  page: Page;
  /** The URLs that the page requested. */
  requests: string[];
  /** The messages of uncaught errors. */
  errors: string[];
}

/** Opens an empty page in a new context. */
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
