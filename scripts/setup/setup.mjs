// Installs what the project needs. Does nothing if everything is there. See --help.
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { commandLine, fail, isTerminal, UserError } from './command.mjs';
import { read, root } from './environment.mjs';
import { provideHome } from './home.mjs';
import { checkNode, checkWritable, explainRefusal } from './machine.mjs';
import { lackingFor, setupSteps } from './steps.mjs';

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
    await runSteps(toDo, interrupt);
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
  const lacking = steps.map(lackingFor).filter(Boolean);
  if (lacking.length > 0) throw new UserError(lacking.join('\n'));
}

/** Runs steps side by side, each as soon as those that it comes after are done. If one fails, the others stop. */
async function runSteps(toDo, interrupt) {
  const show = progress(process.stderr);
  const running = new Map();
  const start = async (step) => {
    if (step.note) show.line(step.note);
    const note = await show.while(step.title ?? step.name, () => step.run(interrupt.signal));
    interrupt.signal.throwIfAborted();
    if (!step.isDone()) throw new Error(`the step '${step.name}' ran and is not done`);
    if (note) show.line(`  ${note}`);
    running.delete(step.name);
  };
  try {
    // The steps again after each: one may undo another, and what they do depends on those before.
    for (let left = toDo(); left.length > 0 || running.size > 0; left = toDo()) {
      const open = new Set([...left.map(({ name }) => name), ...running.keys()]);
      for (const step of left) {
        const isReady = !running.has(step.name) && !step.after.some((name) => open.has(name));
        if (isReady) running.set(step.name, start(step));
      }
      await Promise.race(running.values());
    }
  } catch (error) {
    interrupt.abort();
    await Promise.allSettled(running.values());
    throw error;
  } finally {
    show.end();
  }
}

/** Shows what runs: on a terminal with the seconds so far, in lines that change. */
function progress(stream) {
  const isTTY = isTerminal(stream);
  const started = new Map();
  const seconds = (name) => `${((performance.now() - started.get(name)) / 1000).toFixed(0)} s`;
  let drawn = 0;
  /** Writes `text` above the lines of what runs. */
  const draw = (text = '') => {
    if (!isTTY) return stream.write(text);
    const lines = [...started.keys()].map((name) => `  … ${name}: ${seconds(name)}`);
    const fitted = lines.map((line) => `${line.slice(0, stream.columns - 1)}\n`);
    stream.write(`${drawn > 0 ? `\x1b[${drawn}A\x1b[J` : ''}${text}${fitted.join('')}`);
    drawn = lines.length;
  };
  const timer = isTTY && setInterval(draw, 1000);
  return {
    line: (text) => draw(`  ${text}\n`),
    async while(name, run) {
      started.set(name, performance.now());
      draw(isTTY ? '' : `  … ${name}\n`);
      try {
        const result = await run();
        const done = `  ✓ ${name}: ${seconds(name)}\n`;
        started.delete(name);
        draw(done);
        return result;
      } finally {
        started.delete(name);
      }
    },
    end() {
      clearInterval(timer);
      draw();
    },
  };
}

/**
 * Two set-ups at once would damage each other's files, so the second one waits. Returns a function that releases the
 * lock: a symbolic link, which appears complete or not at all, to a name that says which process made it. (src/files.ts
 * is TypeScript, and tsx is not installed yet.)
 */
async function lock(interrupt) {
  const file = path.join(root, '.setup.lock');
  for (let isFirstTry = true; !link(file); isFirstTry = false) {
    const owner = ownerOf(file);
    if (!owner) continue;
    const [pid] = owner.split(' ');
    // Process IDs are used again, so the start time counts too.
    if (owner !== identity(pid)) {
      fs.rmSync(file, { force: true });
      continue;
    }
    if (isFirstTry)
      process.stderr.write(`  … waiting for the set-up of process ${pid} (${file})\n`);
    await wait(1000, undefined, { signal: interrupt });
  }
  return () => fs.rmSync(file, { force: true });
}

/** Makes the lock. Returns false if there is one. */
function link(file) {
  try {
    fs.symlinkSync(identity(process.pid), file);
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  }
}

/** The process that made the lock, or undefined if the lock has just been released. */
function ownerOf(file) {
  try {
    return fs.readlinkSync(file);
  } catch (error) {
    if (error.code === 'ENOENT') return undefined;
    if (error.code === 'EINVAL') return 'an older version of this program'; // whose lock is a file
    throw error;
  }
}

/** The process and, with Linux's /proc, when it started; undefined if it does not run. */
function identity(pid) {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (error.code !== 'EPERM') return undefined;
  }
  try {
    const stat = read(`/proc/${pid}/stat`);
    // The second field is the program's name in brackets, and may contain spaces.
    return `${pid} ${stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]}`;
  } catch {
    return `${pid} -`;
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
