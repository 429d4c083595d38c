// npm test [-- JEST ARGUMENTS]: types, lint and format, then jest. With arguments: jest only.
import path from 'node:path';
import { root } from './environment.mjs';
import { launch } from './launch.mjs';
import { fail, setup } from './setup.mjs';

const bin = (...parts) => path.join(root, 'node_modules', ...parts);
const jestArguments = process.argv.slice(2);

// What runs in a browser has types of its own.
const checks = [
  ...['.', 'src/image', 'src/draw/page', 'scripts/page'].map((project) => [
    `types of ${project === '.' ? 'the project' : project}`,
    [bin('typescript', 'bin', 'tsc'), '--project', path.join(root, project)],
  ]),
  ['lint and format', [bin('@biomejs', 'biome', 'bin', 'biome'), 'check', root]],
];

try {
  await setup();
  let failed = 0;
  const run = async ([name, args]) => {
    const code = await launch(process.execPath, args);
    console.log(`${code === 0 ? '✓' : '✗'} ${name}`);
    if (code !== 0) failed = code;
  };
  if (jestArguments.length === 0) await Promise.all(checks.map(run));
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
