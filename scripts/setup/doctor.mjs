// Checks this machine. For each problem it prints the fix. See --help.
import { spawnSync } from 'node:child_process';
import { commandLine } from './command.mjs';
import { describeCards, gpuProblem, missingLibraries, probe } from './cuda.mjs';
import {
  cudaFolders,
  pythonEnvironment,
  runtimeEnvironment,
  tensorflowWheel,
} from './environment.mjs';
import { provideHome } from './home.mjs';
import { nvidiaDriver } from './machine.mjs';
import { kernelFolder, lackingFor, setupSteps } from './steps.mjs';

const HELP = `Usage: npm run doctor [-- --json]

Checks Node, the npm packages, the Python environment, TensorFlow, its binding, the Jupyter kernel, the device
(with the CUDA libraries and the card), the threads, the allocator settings and the data. Changes nothing. Exits with 1
if it finds a problem.

  --json   print only {ok, checks: [{name, ok, value, fix}]}
  --help   show this help`;

const { values } = commandLine(HELP, { json: { type: 'boolean' } });
const checks = [];
provideHome();

function check(name, ok, value, fix = 'npm run setup') {
  checks.push({ name, ok, value, ...(ok ? {} : { fix }) });
}

const major = Number(process.versions.node.split('.')[0]);
check('Node', major >= 20, process.version, 'install Node 20 or newer');

const { prefix, conda } = pythonEnvironment();
const wheel = tensorflowWheel(prefix);
const steps = setupSteps();
const done = new Set(steps.filter((step) => step.isDone()).map(({ name }) => name));
const gpu = steps.find(({ name }) => name === 'GPU check');
for (const step of steps.filter((each) => each !== gpu || gpu.gpu)) {
  const isDone = done.has(step.name);
  if (step.name === 'Kernel' && isDone && done.has('Python environment')) checkKernels();
  else if (isDone) check(step.name, true, step.good);
  else check(step.name, false, step.bad, lackingFor(step));
  if (step.name === 'Python environment') {
    check('TensorFlow wheel', Boolean(wheel), wheel ?? 'missing');
  }
}

if (cudaFolders(prefix).length > 0) {
  const missing = missingLibraries();
  const value = missing.length === 0 ? 'all found' : `missing: ${missing.join(', ')}`;
  const fix = conda ? 'create the conda environment again' : 'rm -r .venv && npm run setup';
  check('CUDA libraries', missing.length === 0, value, fix);
}
if (nvidiaDriver()) {
  const { ok, text } = describeCards();
  check('Card', ok || !gpu.gpu, text, 'reinstall the NVIDIA driver');
}
const found =
  done.has('npm packages') && done.has('Binding')
    ? await probe()
    : { error: 'not checked: the set-up is incomplete' };
if (found.error) {
  check('TensorFlow', false, found.error, gpu.gpu ? 'npm run setup -- --device cpu' : undefined);
} else {
  const { tensorflow, backend, failures } = found;
  check(
    'TensorFlow',
    failures.length === 0,
    [`${tensorflow}, backend ${backend}`, ...failures].join('; '),
    'npm run setup -- --device cpu',
  );
  const problem = gpu.gpu && gpuProblem(found);
  if (problem) {
    check(
      'Device',
      false,
      `${found.deviceName}; a GPU was asked for and cannot be used: ${problem}`,
      'install the NVIDIA driver, so that nvidia-smi lists the card; or: npm run setup -- --device cpu',
    );
  } else {
    const why = gpu.problem ? `; the GPU cannot be used: ${gpu.problem}` : '';
    check('Device', true, `${found.deviceName}${why}`);
  }
  check('Threads', true, String(found.threads));
  if (process.report.getReport().header.glibcVersionRuntime) {
    const off = Object.keys(found.allocator).filter((name) => !found.allocator[name]);
    const value = off.length === 0 ? 'in force' : `not in force: ${off.join(', ')}`;
    check('Allocator settings', off.length === 0, value, `unset ${off.join(' ')}`);
  } else {
    check('Allocator settings', true, 'not used: they need glibc');
  }
  const bad = found.data.filter(({ ok }) => !ok).map(({ file }) => file);
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

/** Asks Jupyter for all its kernels named tslab. The first is the one it starts. */
function checkKernels() {
  const script = `
import json
from jupyter_client.kernelspec import KernelSpecManager
found = [KernelSpecManager(kernel_dirs=[folder]).find_kernel_specs().get("tslab")
         for folder in KernelSpecManager().kernel_dirs]
print(json.dumps([folder for folder in found if folder]))`;
  const { stdout, stderr } = spawnSync(pythonEnvironment().python, ['-c', script], {
    env: runtimeEnvironment(),
    encoding: 'utf8',
  });
  let found;
  try {
    found = JSON.parse(stdout);
  } catch {
    const [reason] = stderr.trim().split('\n').slice(-1);
    return check('Kernel', false, `Jupyter does not start: ${reason}`);
  }
  const ours = kernelFolder(prefix);
  const others = found.filter((folder) => folder !== ours).join(', ');
  const isOurs = found[0] === ours;
  const note = `; there is another in ${others}, which a Jupyter not started with npm run lab may use`;
  if (isOurs) check('Kernel', true, `tslab, for this checkout${others ? note : ''}`);
  else check('Kernel', false, `Jupyter takes the kernel in ${others}`, `remove ${others}`);
}
