/** Starts the workers of this machine, shows the output of one of them, and ends all when one of them fails. */
import { type ChildProcess, spawn } from 'node:child_process';
import os from 'node:os';
import readline from 'node:readline';
import { LOST_EXIT } from './group';

/** How the workers ended. `lost`: one of them was killed, froze or cannot be reached, so it may help to start again. */
export interface Outcome {
  kind: 'done' | 'interrupted' | 'lost' | 'failed';
  /** What is wrong. */
  message?: string;
}

/** How to start worker `index`. */
export interface WorkerCommand {
  index: number;
  args: string[];
  env: NodeJS.ProcessEnv;
}

/** How long the other workers have to end by themselves after one has failed. */
const GRACE_MS = 1000;
/** The same after one has ended well. It ends only when all have done their work. */
const END_MS = 5000;

interface Worker {
  index: number;
  child: ChildProcess;
  code: number | null;
  /** The signal that ended it, unless we sent it. */
  signal: NodeJS.Signals | null;
  /** Its lines on standard error. */
  lines: string[];
}

/** Runs `commands` with Node until all have ended. The first one's output is shown. */
export async function launchWorkers(commands: readonly WorkerCommand[]): Promise<Outcome> {
  let ending = false;
  const workers = commands.map(({ index, args, env }, i): Worker => {
    const child = spawn(process.execPath, args, {
      env: { ...process.env, ...env },
      // The channel tells a worker when this process is gone.
      stdio: ['ignore', i === 0 ? 'inherit' : 'ignore', 'pipe', 'ipc'],
    });
    const worker: Worker = { index, child, code: null, signal: null, lines: [] };
    readline.createInterface({ input: child.stderr! }).on('line', (line) => {
      // Errors come last, and only one of them is shown.
      if (i === 0 && !line.startsWith('error: ')) process.stderr.write(`${line}\n`);
      else worker.lines.push(line);
    });
    return worker;
  });
  const pass = (signal: NodeJS.Signals) => () => {
    // On Ctrl-C the terminal signals the workers too.
    if (signal === 'SIGINT' && process.stdin.isTTY) return;
    for (const { child } of workers) child.kill(signal);
  };
  const passes = (['SIGINT', 'SIGTERM'] as const).map((signal) => [signal, pass(signal)] as const);
  for (const [signal, handler] of passes) process.on(signal, handler);
  const killAll = () => {
    for (const { child } of workers) child.kill('SIGKILL'); // reaches a frozen one too
  };
  const killRest = () => {
    ending = true;
    killAll();
  };
  process.on('exit', killAll);
  let timer: NodeJS.Timeout | undefined;
  await Promise.all(
    workers.map(
      (worker) =>
        new Promise<void>((resolve) => {
          worker.child.on('close', (code, signal) => {
            worker.code = code;
            if (!ending) worker.signal = signal;
            const isBad = signal !== null || ![0, INTERRUPTED_EXIT].includes(code!);
            clearTimeout(timer);
            timer = setTimeout(killRest, isBad ? GRACE_MS : END_MS);
            resolve();
          });
        }),
    ),
  );
  clearTimeout(timer);
  process.removeListener('exit', killAll);
  for (const [signal, handler] of passes) process.removeListener(signal, handler);
  return outcomeOf(workers);
}

const INTERRUPTED_EXIT = 130;

function outcomeOf(workers: readonly Worker[]): Outcome {
  // One ends well only when all have done their work, whatever happens to the others afterwards.
  if (workers.some(({ code }) => code === 0)) return { kind: 'done' };
  if (workers.some(({ code }) => code === INTERRUPTED_EXIT)) return { kind: 'interrupted' };
  const killed = workers.find(({ signal }) => signal !== null);
  if (killed?.signal) {
    const why = killed.signal === 'SIGKILL' ? ': most likely the machine ran out of memory' : '';
    return { kind: 'lost', message: `worker ${killed.index} was ended by ${killed.signal}${why}` };
  }
  const failed = workers.find(({ code }) => code && ![LOST_EXIT, INTERRUPTED_EXIT].includes(code));
  if (failed) {
    const who = failed.index === workers[0].index ? '' : `worker ${failed.index}: `;
    return { kind: 'failed', message: who + lastError(failed) };
  }
  const other = workers.find(({ code }) => code === LOST_EXIT) ?? workers[0];
  return { kind: 'lost', message: lastError(other) };
}

/** What a worker said last, in one line. */
function lastError({ lines, code }: Worker): string {
  const error = lines.filter((line) => line.startsWith('error: ')).at(-1);
  return error?.slice('error: '.length) ?? lines.at(-1) ?? `it ended with exit code ${code}`;
}

/** The threads of each of `count` workers on this machine. Variables that are set win. */
export function threadsFor(count: number): NodeJS.ProcessEnv {
  const threads = Math.max(1, Math.floor(os.availableParallelism() / count));
  const { TF_NUM_INTRAOP_THREADS = String(threads) } = process.env;
  return { TF_NUM_INTRAOP_THREADS };
}
