// npm test [-- JEST ARGUMENTS]: types, lint and format, then jest. With arguments: jest only.
import path from 'node:path';
import { bringBundleUpToDate } from './bundle.mjs';
import { fail } from './setup/command.mjs';
import { nodeModules, root } from './setup/environment.mjs';
import { launch } from './setup/launch.mjs';
import { setup } from './setup/setup.mjs';

const jestArguments = process.argv.slice(2);
const tsc = path.join(nodeModules, 'typescript', 'bin', 'tsc');
const biome = path.join(nodeModules, '@biomejs', 'biome', 'bin', 'biome');
const jest = path.join(nodeModules, 'jest', 'bin', 'jest.js');
const checks = [
  ['types of the project', [tsc, '--project', root]],
  // Code that runs in a browser has its own tsconfig.json.
  ...['src/image', 'src/draw/page', 'scripts/tutorial/page'].map((folder) => [
    `types of ${folder}`,
    [tsc, '--project', path.join(root, folder)],
  ]),
  ['lint and format', [biome, 'check', root]],
];

try {
  await setup();
  await bringBundleUpToDate(); // tests start it
  let failed = 0;
  const run = async ([name, args]) => {
    const code = await launch(process.execPath, args);
    console.log(`${code === 0 ? '✓' : '✗'} ${name}`);
    if (code !== 0) failed = code;
  };
  if (jestArguments.length === 0) await Promise.all(checks.map(run));
  // jimp loads its fonts with a dynamic import, which jest allows only with this flag.
  const flags = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning'];
  const code = await launch(process.execPath, [...flags, jest, ...jestArguments]);
  process.exitCode = code || failed;
} catch (error) {
  fail(error);
}
