#!/usr/bin/env node
// node scripts/run.mjs COMMAND [ARG…]: installs what is missing, then runs a command of the program, from a bundle.
// FILE.ts in place of COMMAND runs a TypeScript file of the project.
import path from 'node:path';
import { bringBundleUpToDate } from './bundle.mjs';
import { fail } from './setup/command.mjs';
import { root, typescript, userFolder } from './setup/environment.mjs';
import { launch } from './setup/launch.mjs';
import { setup } from './setup/setup.mjs';

/** Commands that are not part of the program, because they run without the npm packages. */
const SCRIPTS = {
  setup: 'setup/setup.mjs',
  doctor: 'setup/doctor.mjs',
  lab: 'tutorial/lab.mjs',
  tutorial: 'tutorial/tutorial.mjs',
};

const [name = '--help', ...args] = process.argv.slice(2);
try {
  process.exitCode = Object.hasOwn(SCRIPTS, name)
    ? await launch(process.execPath, [path.join(root, 'scripts', SCRIPTS[name]), ...args])
    : await runProgram();
} catch (error) {
  fail(error);
}

async function runProgram() {
  await setup();
  const preload = ['--require', path.join(root, 'scripts', 'preload.cjs')];
  await bringBundleUpToDate();
  const program = name.endsWith('.ts')
    ? [...typescript, path.join(root, name)]
    : [path.join(root, 'scripts', 'start.cjs'), name];
  return launch(process.execPath, [...preload, ...program, ...args], userFolder);
}
