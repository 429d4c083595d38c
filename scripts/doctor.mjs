// Checks this machine. For each problem it prints the fix. See --help.
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { commandLine } from './command.mjs';
import {
  pythonEnvironment,
  root,
  runtimeEnvironment,
  tensorflowWheel,
  tsxLoader,
} from './environment.mjs';
import { hasNvidiaDriver } from './machine.mjs';
import { setupSteps } from './steps.mjs';

const HELP = `Usage: npm run doctor [-- --json]

Checks Node, the npm packages, the Python environment, TensorFlow, its binding, the Jupyter kernel, the device,
the threads, the allocator settings and the data. Changes nothing. Exits with 1 if it finds a problem.

  --json   print only {ok, checks: [{name, ok, value, fix}]}
  --help   show this help`;

const { values } = commandLine(HELP, { json: { type: 'boolean' } });
const checks = [];

function check(name, ok, value, fix = 'npm run setup') {
  checks.push({ name, ok, value, ...(ok ? {} : { fix }) });
}

function checkStep(name, step, good, bad) {
  check(name, step.isDone(), step.isDone() ? good : bad);
}

const major = Number(process.versions.node.split('.')[0]);
check('Node', major >= 20, process.version, 'install Node 20 or newer');

const { prefix, conda, foreign } = pythonEnvironment();
const relative = path.relative(root, prefix);
const why = foreign ? ` (the conda environment ${foreign} was not made from environment.yml)` : '';
const shown = `${conda ? 'conda, ' : ''}${relative.startsWith('..') ? prefix : relative}${why}`;
const wheel = tensorflowWheel(prefix);
const [npm, python, binding, kernel] = setupSteps();
checkStep('npm packages', npm, 'match the lock file', 'missing, or different from the lock file');
checkStep(
  'Python environment',
  python,
  shown,
  `${shown}: missing, or different from environment.yml`,
);
check('TensorFlow wheel', Boolean(wheel), wheel ?? 'missing');
checkStep('Binding', binding, 'built for this wheel', 'missing, or built for another wheel');
checkStep('Kernel', kernel, 'tslab, for this checkout', 'missing, or for another checkout');

const probe =
  npm.isDone() && binding.isDone()
    ? runProbe()
    : { error: 'not checked: the set-up is incomplete' };
if (probe.error) {
  check('TensorFlow', false, probe.error);
} else {
  check('TensorFlow', probe.computes, `${probe.tensorflow}, backend ${probe.backend}`);
  check(
    'Device',
    probe.device === 'GPU' || !python.gpu || !hasNvidiaDriver(),
    probe.device,
    "TensorFlow does not see the GPU: compare the driver's CUDA version (nvidia-smi), or run npm run setup -- --device cpu",
  );
  check('Threads', true, String(probe.threads));
  if (process.report.getReport().header.glibcVersionRuntime) {
    const off = Object.keys(probe.allocator).filter((name) => !probe.allocator[name]);
    const value = off.length === 0 ? 'in force' : `not in force: ${off.join(', ')}`;
    check('Allocator settings', off.length === 0, value, `unset ${off.join(' ')}`);
  } else {
    check('Allocator settings', true, 'not used: they need glibc');
  }
  const bad = probe.data.filter(({ ok }) => !ok).map(({ file }) => file);
  check(
    'Data',
    bad.length === 0,
    bad.length === 0 ? 'MNIST, 4 files, MD5 correct' : `damaged: ${bad.join(', ')}`,
    'rm -r node_modules && npm run setup',
  );
}

const ok = checks.every((entry) => entry.ok);
if (values.json) {
  console.log(JSON.stringify({ ok, checks }));
} else {
  for (const { name, ok: good, value, fix } of checks) {
    console.log(`${good ? '✓' : '✗'} ${name.padEnd(20)} ${value}${good ? '' : `\n    → ${fix}`}`);
  }
}
process.exitCode = ok ? 0 : 1;

/** What only a process that has loaded TensorFlow can find out. */
function runProbe() {
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    ['--import', tsxLoader, path.join(root, 'src', 'cli', 'probe.ts')],
    { cwd: root, env: runtimeEnvironment(), encoding: 'utf8' },
  );
  try {
    return JSON.parse(stdout);
  } catch {
    const reason = stderr.split('\n').find((line) => /^\w*Error: /.test(line));
    return { error: reason ?? `TensorFlow does not load (exit ${status})` };
  }
}
