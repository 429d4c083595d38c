// node scripts/run.mjs FILE.ts [ARG…]: installs what is missing, then runs a TypeScript file of the project.
import path from 'node:path';
import { root } from './environment.mjs';
import { launch } from './launch.mjs';
import { fail, setup } from './setup.mjs';

const [file, ...args] = process.argv.slice(2);
// npm changes to the root; paths that the user gives are relative to where the user is.
const cwd = process.env.INIT_CWD ?? process.cwd();
try {
  await setup();
  const tsx = path.join(root, 'node_modules', 'tsx', 'dist', 'loader.mjs');
  process.exitCode = await launch(
    process.execPath,
    ['--import', tsx, path.join(root, 'src', 'cli', 'main.ts'), path.join(root, file), ...args],
    { cwd },
  );
} catch (error) {
  fail(error);
}
