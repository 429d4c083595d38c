/**
 * Contenders that are processes of their own (bench/workers), with their own allocator settings and peak memory. A
 * process reads tasks from standard input, one a line, and answers each with a line of JSON.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import path from 'node:path';
import readline from 'node:readline';
import type { Command } from 'commander';
import { positiveInteger } from '../src/checks';
import { numberOf } from '../src/cli/common';
import { device, type Precision } from '../src/tf/index';
import { root } from '../test/support/command';
import type { Answer, Contender } from './measure';
import { startTypeScript } from './process';
import type { OurSettings } from './workers/ours';

export interface Sizes {
  batchSize: number;
  inputSize: number;
  threads: number;
}

export function sizeOptions(command: Command): Command {
  const count = numberOf(positiveInteger);
  return command
    .option('--batch-size <n>', 'images per step', count, 128)
    .option('--input-size <n>', 'height and width of the images', count, 227)
    .option('--threads <n>', 'threads of each contender', count, 2);
}

const running = new Set<ProcessContender>();

/** Ends all processes, or this one would wait for them. */
export function stopContenders(): void {
  for (const contender of running) contender.stop();
}

export class ProcessContender implements Contender {
  private readonly lines: AsyncIterator<string>;
  private errors = '';

  private constructor(
    readonly name: string,
    readonly precision: Precision | undefined,
    private readonly child: ChildProcess,
  ) {
    this.lines = readline.createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
    child.stderr!.on('data', (chunk) => {
      this.errors = (this.errors + chunk).slice(-2000);
    });
    child.stdin!.on('error', () => {}); // it has ended, which `read` reports
    running.add(this);
  }

  /** Waits until the process is ready. */
  static async start(name: string, precision: Precision | undefined, child: ChildProcess) {
    const contender = new ProcessContender(name, precision, child);
    await contender.read();
    return contender;
  }

  ask(task: string): Promise<Answer> {
    this.child.stdin!.write(`${task}\n`);
    return this.read();
  }

  stop(): void {
    running.delete(this);
    this.child.kill('SIGKILL'); // TensorFlow ignores SIGTERM in a group of workers
  }

  private async read(): Promise<Answer> {
    const { value, done } = await this.lines.next();
    if (done) throw new Error(`${this.name} ended: ${this.errors.trim().split('\n').pop()}`);
    return JSON.parse(value);
  }
}

/** This project. */
export function startOurs(
  { threads, ...sizes }: Sizes,
  precision: Precision,
  { name = 'ours', ...settings }: { name?: string } & Partial<OurSettings> = {},
): Promise<ProcessContender> {
  const args = [JSON.stringify({ ...sizes, ...settings, precision })];
  const child = startTypeScript('workers/ours.ts', args, { env: environment(threads) });
  return ProcessContender.start(name, precision, child);
}

/** tfjs without our changes and without our allocator settings. */
export function startStock({ batchSize, inputSize, threads }: Sizes): Promise<ProcessContender> {
  const env = withoutTuning(environment(threads));
  const child = startTypeScript('workers/stock.ts', [`${batchSize}`, `${inputSize}`], { env });
  return ProcessContender.start('stock tfjs', undefined, child);
}

/**
 * PyTorch. `kind` is `article` (the article's code, without our allocator settings) or a precision in which it is tuned,
 * with `-compiled` or without.
 */
export function startTorch(
  python: string,
  kind: string,
  { batchSize, inputSize, threads }: Sizes,
): Promise<ProcessContender> {
  const script = path.join(__dirname, 'workers', 'torch_worker.py');
  const args = [script, kind, ...[batchSize, inputSize, threads].map(String), device().kind];
  const tuned = environment(threads);
  const env = kind === 'article' ? withoutTuning(tuned) : tuned;
  const child = spawn(python, args, { cwd: root, env });
  if (kind === 'article') {
    return ProcessContender.start("PyTorch, the article's code", undefined, child);
  }
  const name = `PyTorch tuned, ${kind.replace('-', ', ')}`;
  return ProcessContender.start(name, kind.split('-')[0] as Precision, child);
}

function environment(threads: number): NodeJS.ProcessEnv {
  return {
    ...process.env,
    TF_NUM_INTRAOP_THREADS: String(threads),
    TF_NUM_INTEROP_THREADS: '1',
    OMP_NUM_THREADS: String(threads),
  };
}

/** Removes the allocator settings that `npm run` sets. TensorFlow's stay, or one contender takes the whole GPU. */
function withoutTuning(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const settings: Record<string, string> = require('../scripts/setup/runtime-env.json');
  return Object.fromEntries(
    Object.entries(env).filter(([name]) => !(name in settings) || name.startsWith('TF_')),
  );
}
