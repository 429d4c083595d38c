// Checks this machine, and names the fix if something is wrong.
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import {
  hasNvidiaDriver,
  pythonEnvironment,
  root,
  runtimeEnvironment,
  tensorflowWheel,
} from './environment.mjs';
import { setupSteps } from './steps.mjs';

const HELP = `Usage: npm run doctor [-- --json]

Checks Node, the Python environment, TensorFlow, its binding, the Jupyter kernel, the device, threads,
allocator settings and data. Changes nothing. Exits with 1 if something is wrong.

  --json   print {ok, checks: [{name, ok, value, fix}]} and nothing else
  --help   this text`;

const args = process.argv.slice(2);
const unknown = args.find((arg) => !['--json', '--help', '-h'].includes(arg));
if (unknown) {
  console.error(`error: unknown option '${unknown}'; see --help`);
  process.exit(1);
}
if (args.includes('--help') || args.includes('-h')) {
  console.log(HELP);
  process.exit(0);
}

const checks = [];
const check = (name, ok, value, fix) => checks.push({ name, ok, value, ...(ok ? {} : { fix }) });
const SETUP = 'npm run setup';

const major = Number(process.versions.node.split('.')[0]);
check('Node', major >= 20, process.version, 'install Node 20 or newer');

const { prefix, conda } = pythonEnvironment();
const shown = path.relative(root, prefix).startsWith('..') ? prefix : path.relative(root, prefix);
const [npm, python, binding, kernel] = setupSteps();
check(
  'npm packages',
  npm.isDone(),
  npm.isDone() ? 'match the lock file' : 'missing, or different from the lock file',
  SETUP,
);
check(
  'Python environment',
  python.isDone(),
  `${conda ? 'conda, ' : ''}${shown}${python.isDone() ? '' : ': missing, or different from environment.yml'}`,
  SETUP,
);
check(
  'TensorFlow wheel',
  Boolean(tensorflowWheel(prefix)),
  tensorflowWheel(prefix) ?? 'missing',
  SETUP,
);
check(
  'Binding',
  binding.isDone(),
  binding.isDone() ? 'built against that wheel' : 'missing, or built against another wheel',
  SETUP,
);
check(
  'Kernel',
  kernel.isDone(),
  kernel.isDone() ? 'tslab, for this checkout' : 'missing, or for another checkout',
  SETUP,
);

const probe =
  npm.isDone() && binding.isDone()
    ? runProbe()
    : { error: 'not checked: the set-up is incomplete' };
if (probe.error) {
  check('TensorFlow', false, probe.error, SETUP);
} else {
  check('TensorFlow', probe.computes, `${probe.tensorflow}, backend ${probe.backend}`, SETUP);
  const idleGpu = probe.device === 'CPU' && hasNvidiaDriver() && !python.name.includes('(CPU)');
  check(
    'Device',
    !idleGpu,
    probe.device,
    "TensorFlow does not see the GPU: compare the driver's CUDA version (nvidia-smi), or run npm run setup -- --device cpu",
  );
  check('Threads', true, String(probe.threads));
  const off = Object.entries(probe.allocator)
    .filter(([, inForce]) => !inForce)
    .map(([name]) => name);
  const glibc = Boolean(process.report?.getReport().header.glibcVersionRuntime);
  check(
    'Allocator settings',
    !glibc || off.length === 0,
    !glibc
      ? 'not used: no glibc'
      : off.length === 0
        ? 'in force'
        : `not in force: ${off.join(', ')}`,
    `unset ${off.join(' ')}`,
  );
  const bad = probe.data.filter(({ ok }) => !ok).map(({ file }) => file);
  check(
    'Data',
    bad.length === 0,
    bad.length === 0 ? 'MNIST, 4 files, MD5 correct' : `damaged: ${bad.join(', ')}`,
    'rm -r node_modules && npm run setup',
  );
}

const ok = checks.every((entry) => entry.ok);
if (args.includes('--json')) {
  console.log(JSON.stringify({ ok, checks }));
} else {
  for (const { name, ok: good, value, fix } of checks) {
    console.log(`${good ? '✓' : '✗'} ${name.padEnd(20)} ${value}${good ? '' : `\n    → ${fix}`}`);
  }
}
process.exitCode = ok ? 0 : 1;

function runProbe() {
  const loader = path.join(root, 'node_modules', 'tsx', 'dist', 'loader.mjs');
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    ['--import', loader, path.join(root, 'src', 'cli', 'probe.ts')],
    { cwd: root, env: runtimeEnvironment(), encoding: 'utf8' },
  );
  try {
    return JSON.parse(stdout);
  } catch {
    const reason = stderr.split('\n').find((line) => /^\w*Error: /.test(line));
    return { error: reason ?? `TensorFlow does not load (exit ${status})` };
  }
}
