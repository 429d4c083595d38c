// node scripts/run.mjs FILE.ts [ARG…]: installs what is missing, then runs a TypeScript file of the project.
import path from 'node:path';
import { fail } from './command.mjs';
import { root, typescript, userFolder } from './environment.mjs';
import { launch } from './launch.mjs';
import { setup } from './setup.mjs';

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
