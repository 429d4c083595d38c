// node scripts/run.mjs FILE.ts [ARG…]: installs what is missing, then runs a TypeScript file of the project.
import path from 'node:path';
import { fail } from './setup/command.mjs';
import { root, typescript, userFolder } from './setup/environment.mjs';
import { launch } from './setup/launch.mjs';
import { setup } from './setup/setup.mjs';

const [file, ...args] = process.argv.slice(2);
try {
  await setup();
  process.exitCode = await launch(
    process.execPath,
    [
      ...['--require', path.join(root, 'scripts', 'output.cjs'), ...typescript],
      path.join(root, 'src', 'cli', 'main.ts'),
      ...[path.join(root, file), ...args],
    ],
    userFolder,
  );
} catch (error) {
  fail(error);
}
