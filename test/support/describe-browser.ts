import { executablePath } from './chromium';

if (!executablePath)
  console.warn('No Chromium: the browser tests are skipped (on Debian: apt-get install chromium)');

/** `describe` for tests that need Chromium. They are skipped if there is none. */
export const describeBrowser = executablePath ? describe : describe.skip;
