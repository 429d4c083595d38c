// npm test [-- JEST ARGUMENTS]: types, lint and format, then jest. With arguments: jest only.
import path from 'node:path';
import { root } from './environment.mjs';
import { launch } from './launch.mjs';
import { fail, setup } from './setup.mjs';

const bin = (...parts) => path.join(root, 'node_modules', ...parts);
const jestArguments = process.argv.slice(2);

const checks = [
  ['types', [bin('typescript', 'bin', 'tsc'), '--project', root]],
  ['lint and format', [bin('@biomejs', 'biome', 'bin', 'biome'), 'check', root]],
];

try {
  await setup();
  let failed = 0;
  for (const [name, args] of jestArguments.length > 0 ? [] : checks) {
    const code = await launch(process.execPath, args);
    console.log(`${code === 0 ? '✓' : '✗'} ${name}`);
    if (code !== 0) failed = code;
  }
  // jimp loads its fonts with a dynamic import, which jest allows only with this flag.
  const flags = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning'];
  const code = await launch(process.execPath, [
    ...flags,
    bin('jest', 'bin', 'jest.js'),
    ...jestArguments,
  ]);
  process.exitCode = code || failed;
} catch (error) {
  fail(error);
}
