// Installs what the project needs. Does nothing if everything is there. See --help.
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { commandLine, fail, isTerminal, UserError } from './command.mjs';
import { readJson, root } from './environment.mjs';
import { provideHome } from './home.mjs';
import { checkNode, checkWritable, explainRefusal } from './machine.mjs';
import { setupSteps } from './steps.mjs';

const HELP = `Usage: npm run setup [-- --device cpu|gpu|auto]

Installs what is missing: the npm packages, a Python environment with TensorFlow and JupyterLab, the
TensorFlow binding, and the Jupyter kernel. Does nothing if everything is up to date.

  --device   the TensorFlow to install: cpu, gpu (CUDA), or auto (gpu if there is an NVIDIA driver and TensorFlow
             can compute on the card). The choice is remembered. You can also set the variable TUTORIAL_DEVICE.
  --help     show this help

To choose the Python for the environment, set the variable PYTHON.`;

/** Runs the steps that are not done yet. Returns whether there were any. Prints to standard error. */
export async function setup(device = process.env.TUTORIAL_DEVICE) {
  checkNode();
  provideHome();
  if (device !== undefined && !['cpu', 'gpu', 'auto'].includes(device)) {
    throw new UserError(`device is '${device}', want cpu, gpu or auto`);
  }
  const toDo = () => setupSteps(device).filter((step) => !step.isDone());
  if (toDo().length === 0) return false;
  checkWritable(root);
  const interrupt = new AbortController();
  const onSignal = () => interrupt.abort();
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, onSignal);
  let unlock;
  try {
    unlock = await lock(interrupt.signal);
    checkMachine(toDo()); // again: another process may have done some steps meanwhile
    // The steps again after each: one may undo another, and what they do depends on those before.
    for (let [step] = toDo(); step; [step] = toDo()) {
      if (step.note) process.stderr.write(`  ${step.note}\n`);
      await show(step.name, () => step.run(interrupt.signal));
      interrupt.signal.throwIfAborted();
      if (!step.isDone()) throw new Error(`the step '${step.name}' ran and is not done`);
    }
  } catch (error) {
    const isRefused = ['EACCES', 'EPERM', 'EROFS'].includes(error.code) && error.path;
    const cause = isRefused && explainRefusal(error.path);
    throw cause ? new UserError(cause) : error;
  } finally {
    unlock?.();
    for (const signal of ['SIGINT', 'SIGTERM']) process.removeListener(signal, onSignal);
  }
  return true;
}

/** Reports everything that the machine lacks at once, before anything is changed. */
function checkMachine(steps) {
  const lacking = [];
  for (const step of steps) {
    try {
      step.needs();
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      lacking.push(error.message);
    }
  }
  if (lacking.length > 0) throw new UserError(lacking.join('\n'));
}

/** Shows a step while it runs (on a terminal with the seconds so far), and then how long it took. */
async function show(name, run) {
  const started = performance.now();
  const seconds = () => `${((performance.now() - started) / 1000).toFixed(0)} s`;
  const isTTY = isTerminal(process.stderr);
  const draw = () => process.stderr.write(`\r  … ${name}: ${seconds()}`);
  if (isTTY) draw();
  else process.stderr.write(`  … ${name}\n`);
  const timer = isTTY && setInterval(draw, 1000);
  let note;
  try {
    note = await run();
  } finally {
    clearInterval(timer);
    if (isTTY) process.stderr.write('\r\x1b[2K');
  }
  process.stderr.write(`  ✓ ${name}: ${seconds()}\n${note ? `    ${note}\n` : ''}`);
}

/**
 * Two set-ups at once would damage each other's files, so the second one waits. Returns a function that releases
 * the lock. The lock in src/files.ts cannot be used here: it is TypeScript, and tsx is not installed yet.
 */
async function lock(interrupt) {
  const file = path.join(root, '.setup.lock');
  const mine = `${file}.${process.pid}`;
  fs.writeFileSync(mine, String(process.pid));
  try {
    for (let isFirstTry = true; !link(mine, file); isFirstTry = false) {
      const owner = readJson(file);
      if (!owner || !isAlive(owner)) {
        fs.rmSync(file, { force: true });
        continue;
      }
      if (isFirstTry)
        process.stderr.write(`  … waiting for the set-up of process ${owner} (${file})\n`);
      await wait(1000, undefined, { signal: interrupt });
    }
  } finally {
    fs.rmSync(mine, { force: true });
  }
  return () => fs.rmSync(file, { force: true });
}

/** A hard link appears complete, or fails because the name is taken. */
function link(from, to) {
  try {
    fs.linkSync(from, to);
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
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

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = commandLine(HELP, { device: { type: 'string' } });
  try {
    const changed = await setup(values.device);
    console.log(changed ? 'Ready.' : 'Ready: nothing to do.');
  } catch (error) {
    fail(error);
  }
}
