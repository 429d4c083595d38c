// A home folder for users who have none.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

/**
 * Jupyter, npm and pip write into the home folder. If it is missing or read-only, or the user has none (a container that
 * runs under a bare user number), this sets HOME to a temporary folder for this process and those it starts.
 */
export function provideHome() {
  let home;
  try {
    home = os.homedir(); // throws if neither HOME nor the list of users names one
    fs.rmdirSync(fs.mkdtempSync(path.join(home, '.write-test-')));
  } catch {
    process.env.HOME = fs.mkdtempSync(path.join(os.tmpdir(), 'home-'));
    process.on('exit', () => fs.rmSync(process.env.HOME, { recursive: true, force: true }));
    const what = home ? `the home folder ${home} cannot be written` : 'there is no home folder';
    process.stderr.write(`note: ${what}; a temporary one is used while this command runs\n`);
  }
}
