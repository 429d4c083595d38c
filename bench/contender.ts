/**
 * Starts contenders and asks them to run tasks. Each is a process of its own (bench/workers), with its own
 * allocator settings and peak memory.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import path from 'node:path';
import readline from 'node:readline';
import { device, type Precision } from '../src/tf/index';
import { root, typescript } from '../test/support/command';

export interface Sizes {
  batchSize: number;
  inputSize: number;
  threads: number;
}

export type Task = 'step' | 'evaluate' | 'latency' | 'rate' | 'profile' | 'ops';

export interface Answer {
  seconds: number;
  peakRssMiB: number;
  value?: unknown;
}

export class Contender {
  private readonly lines: AsyncIterator<string>;
  private errors = '';

  constructor(
    readonly name: string,
    private readonly process: ChildProcess,
  ) {
    this.lines = readline.createInterface({ input: process.stdout! })[Symbol.asyncIterator]();
    process.stderr!.on('data', (chunk) => {
      this.errors = (this.errors + chunk).slice(-2000);
    });
  }

  private async read(): Promise<Answer> {
    const { value, done } = await this.lines.next();
    if (done) throw new Error(`${this.name} ended: ${this.errors.trim().split('\n').pop()}`);
    return JSON.parse(value);
  }

  async ready(): Promise<this> {
    await this.read();
    return this;
  }

  ask(task: Task): Promise<Answer> {
    this.process.stdin!.write(`${task}\n`);
    return this.read();
  }

  stop(): void {
    this.process.stdin!.end();
    this.process.kill();
  }
}

/** This project. `env` is added to the environment. */
export function startOurs(
  sizes: Sizes,
  precision: Precision,
  { name = 'ours', env = {} }: { name?: string; env?: NodeJS.ProcessEnv } = {},
): Promise<Contender> {
  const environment = { ...environmentOf(sizes), ...env };
  return startNode(name, 'ours.ts', precision, sizes, environment);
}

/** tfjs without our changes and without our allocator settings. */
export function startStock(sizes: Sizes, name: string): Promise<Contender> {
  return startNode(name, 'stock.ts', 'float32', sizes, withoutTuning(environmentOf(sizes)));
}

/** PyTorch. For `kind` see torch_worker.py; the article's code runs without our allocator settings. */
export function startTorch(
  python: string,
  kind: string,
  sizes: Sizes,
  name = kind,
): Promise<Contender> {
  const script = path.join(__dirname, 'workers', 'torch_worker.py');
  const { batchSize, inputSize, threads } = sizes;
  const tuned = environmentOf(sizes);
  const env = kind === 'article' ? withoutTuning(tuned) : tuned;
  const args = [script, kind, ...[batchSize, inputSize, threads].map(String), device().kind];
  return new Contender(name, spawn(python, args, { cwd: root, env })).ready();
}

function startNode(
  name: string,
  file: string,
  precision: Precision,
  { batchSize, inputSize }: Sizes,
  env: NodeJS.ProcessEnv,
): Promise<Contender> {
  const script = path.join(__dirname, 'workers', file);
  const args = [...typescript, script, precision, String(batchSize), String(inputSize)];
  return new Contender(name, spawn(process.execPath, args, { cwd: root, env })).ready();
}

function environmentOf({ threads }: Sizes): NodeJS.ProcessEnv {
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
