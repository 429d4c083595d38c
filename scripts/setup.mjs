// Installs what the project needs, and does nothing if it is all there. See --help.
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { root } from './environment.mjs';
import { missing, SetupError, setupSteps, stopRunning } from './steps.mjs';

const HELP = `Usage: npm run setup [-- --device cpu|gpu|auto]

Installs what is missing: npm packages, a Python environment with TensorFlow and JupyterLab, the
TensorFlow binding, the Jupyter kernel. Does nothing if nothing is missing or changed.

  --device   which TensorFlow: cpu, gpu (CUDA), or auto (gpu if there is an NVIDIA driver).
             The choice is remembered. The variable TUTORIAL_DEVICE does the same.
  --help     this text

Set the variable PYTHON to choose the Python for the environment.`;

/** Runs the steps that are not done yet. All messages go to standard error. */
export async function setup(device = process.env.TUTORIAL_DEVICE) {
  const nodeMajor = Number(process.versions.node.split('.')[0]);
  if (nodeMajor < 20) {
    throw missing(
      `Node 20 or newer (this is ${process.version})`,
      'nodejs   (Debian 13, Ubuntu 25.04; older ones: nodejs.org/en/download)',
      'nodejs22',
      'node',
    );
  }
  if (device !== undefined && !['cpu', 'gpu', 'auto'].includes(device)) {
    throw new SetupError(`device is '${device}', want cpu, gpu or auto`);
  }
  let steps = setupSteps(device);
  if (steps.every((step) => step.isDone())) return false;
  const unlock = await lock();
  try {
    steps = setupSteps(device); // another process may have done some meanwhile
    checkMachine(steps.filter((step) => !step.isDone()));
    for (const step of steps) {
      if (step.isDone()) continue;
      const started = performance.now();
      const stop = tick(step.name, started);
      try {
        await step.run();
      } finally {
        stop();
      }
      say(`  ✓ ${step.name}: ${seconds(started)} s`);
    }
  } finally {
    unlock();
  }
  return true;
}

/** Reports everything that is missing on the machine at once, before anything is changed. */
function checkMachine(steps) {
  const lacking = [];
  for (const step of steps) {
    try {
      step.needs();
    } catch (error) {
      if (!(error instanceof SetupError)) throw error;
      lacking.push(error.message);
    }
  }
  if (lacking.length > 0) throw new SetupError(lacking.join('\n'));
}

/** Shows the current step: on a terminal with a running count of seconds. */
function tick(name, started) {
  if (!process.stderr.isTTY) {
    say(`  … ${name}`);
    return () => {};
  }
  const draw = () => process.stderr.write(`\r  … ${name}: ${seconds(started)} s`);
  draw();
  const timer = setInterval(draw, 1000);
  return () => {
    clearInterval(timer);
    process.stderr.write('\r\x1b[2K');
  };
}

/** Two set-ups at once would damage each other's files, so the second one waits. */
async function lock() {
  const file = path.join(root, '.setup.lock');
  const mine = `${file}.${process.pid}`;
  let waiting = false;
  fs.writeFileSync(mine, String(process.pid));
  try {
    for (;;) {
      try {
        fs.linkSync(mine, file); // appears complete, or fails because the name is taken
        break;
      } catch (error) {
        if (error.code !== 'EEXIST') throw error;
      }
      const owner = ownerOf(file);
      if (owner === undefined || !isAlive(owner)) {
        fs.rmSync(file, { force: true });
        continue;
      }
      if (!waiting)
        say(`  … waiting for process ${owner}, which is running the set-up too (${file})`);
      waiting = true;
      await new Promise((resolve) => setTimeout(resolve, 1000));
    }
  } finally {
    fs.rmSync(mine, { force: true });
  }
  const release = () => {
    if (ownerOf(file) === process.pid) fs.rmSync(file, { force: true });
  };
  const interrupted = async () => {
    await stopRunning();
    process.exit(130);
  };
  process.once('exit', release);
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, interrupted);
  return () => {
    process.removeListener('exit', release);
    for (const signal of ['SIGINT', 'SIGTERM']) process.removeListener(signal, interrupted);
    release();
  };
}

function ownerOf(file) {
  try {
    return Number(fs.readFileSync(file, 'utf8')) || undefined;
  } catch {
    return undefined;
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

const seconds = (started) => ((performance.now() - started) / 1000).toFixed(0);
const say = (line) => process.stderr.write(`${line}\n`);

/** Exits with a plain message; only defects of the program show a stack trace. */
export function fail(error) {
  // Errors of the machine (a full disk, a read-only folder) are not defects of the program.
  const plain = error instanceof SetupError || error.syscall;
  say(plain ? `error: ${error.message}` : error.stack);
  process.exit(1);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const args = process.argv.slice(2);
  if (args.includes('--help') || args.includes('-h')) {
    console.log(HELP);
  } else {
    const device = args[0] === '--device' ? args[1] : args[0]?.match(/^--device=(.*)$/)?.[1];
    const known =
      args.length === 0 ||
      (device !== undefined && args.length === (args[0] === '--device' ? 2 : 1));
    if (!known) fail(new SetupError(`unknown option '${args.join(' ')}'; see --help`));
    setup(device).then(
      (changed) => console.log(changed ? 'Ready.' : 'Ready: nothing to do.'),
      fail,
    );
  }
}
