/**
 * npm run bench: this project beside PyTorch and stock tfjs, side by side in one run.
 *
 * Each contender is a process of its own (bench/workers). They take turns, A B C A B C …, so that what the
 * machine does besides hits all of them alike; medians are compared, and what each needs to warm up is
 * dropped.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import readline from 'node:readline';
import { positiveInteger } from '../src/checks';
import { command, numberOf, printJson, run } from '../src/cli/common';
import { InputError, messageOf } from '../src/errors';
import { writeJson } from '../src/files';
import { ALEXNET, layerTable } from '../src/model/index';
import type { ProgressListener } from '../src/progress';
import { fastestPrecision, type Precision } from '../src/tf/index';
import { streamProgress } from '../src/viz/index';
import { growthFigure, writeFigurePage } from './figure';
import type { OpRow } from './workers/ops';

const TORCH = 'torch==2.13.0';
const root = path.resolve(__dirname, '..');
const settings = Object.keys(require('../scripts/runtime-env.json') as Record<string, string>);

interface Arguments {
  json?: boolean;
  batchSize: number;
  inputSize: number;
  rounds: number;
  threads: number;
  torch: boolean;
  stock: boolean;
  profile?: boolean;
  growth?: boolean;
  ops?: boolean;
  out?: string;
}

const program = command(
  'bench',
  'Times training, evaluation and prediction beside PyTorch and stock tfjs.',
)
  .option('--batch-size <n>', 'images a step', numberOf(positiveInteger), 128)
  .option('--input-size <n>', 'height and width of the images', numberOf(positiveInteger), 227)
  .option('--rounds <n>', 'measurements of each contender', numberOf(positiveInteger), 9)
  .option('--threads <n>', 'threads of each contender', numberOf(positiveInteger), 2)
  .option('--no-torch', 'without PyTorch')
  .option('--no-stock', 'without stock tfjs')
  .option('--profile', 'list the ops of one of our steps by time, and nothing else')
  .option('--ops', "TensorFlow's own ops beside oneDNN's, and nothing else")
  .option(
    '--growth',
    'how a step grows with batch and input size, as a table and a figure, and nothing else',
  )
  .option('--out <file>', 'write the JSON to a file too')
  .option('--json', 'print JSON and nothing else')
  .action(bench);

type Task = 'step' | 'evaluate' | 'latency' | 'rate' | 'profile' | 'ops';

interface Answer {
  seconds: number;
  peakRssMiB: number;
  value?: unknown;
}

class Worker {
  private readonly lines: AsyncIterator<string>;
  errors = '';

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

/** The environment of a contender: the threads asked for, and the allocator tuned or as the system has it. */
function environment(threads: number, tuned: boolean): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = {
    ...process.env,
    TF_NUM_INTRAOP_THREADS: String(threads),
    TF_NUM_INTEROP_THREADS: '1',
    OMP_NUM_THREADS: String(threads),
  };
  if (!tuned) for (const name of settings) delete env[name];
  return env;
}

function startNode(
  name: string,
  file: string,
  args: Arguments,
  precision: Precision,
  tuned = true,
): Promise<Worker> {
  const script = path.join(__dirname, 'workers', file);
  const loader = path.join(root, 'node_modules', 'tsx', 'dist', 'loader.mjs');
  const argv = [
    '--import',
    loader,
    script,
    precision,
    String(args.batchSize),
    String(args.inputSize),
  ];
  return new Worker(
    name,
    spawn(process.execPath, argv, { cwd: root, env: environment(args.threads, tuned) }),
  ).ready();
}

function startTorch(name: string, kind: string, python: string, args: Arguments): Promise<Worker> {
  const script = path.join(__dirname, 'workers', 'torch_worker.py');
  const argv = [script, kind, String(args.batchSize), String(args.inputSize), String(args.threads)];
  const env = environment(args.threads, kind !== 'article');
  return new Worker(name, spawn(python, argv, { cwd: root, env })).ready();
}

/** A Python with PyTorch, in an environment of its own; undefined, with a reason given, where it cannot be had. */
function torchPython(say: (line: string) => void): string | undefined {
  const folder = path.join(root, '.venv-bench');
  const python = path.join(folder, 'bin', 'python');
  const has = () => spawnSync(python, ['-c', 'import torch']).status === 0;
  if (fs.existsSync(python) && has()) return python;
  say(`Installing ${TORCH} into .venv-bench …`);
  const base = path.join(root, '.venv', 'bin', 'python');
  const made = spawnSync(fs.existsSync(base) ? base : 'python3', ['-m', 'venv', folder]);
  const pip = spawnSync(python, ['-m', 'pip', 'install', '--quiet', TORCH, 'numpy'], {
    encoding: 'utf8',
  });
  if (made.status === 0 && pip.status === 0 && has()) return python;
  const reason = pip.stderr?.trim().split('\n').pop() ?? 'no environment could be made';
  say(`PyTorch cannot be had here (${reason}): compared without it.`);
  return undefined;
}

const sorted = (values: number[]) => [...values].sort((a, b) => a - b);
const median = (values: number[]) => sorted(values)[Math.floor(values.length / 2)];
const percentile = (values: number[], share: number) =>
  sorted(values)[Math.min(values.length - 1, Math.floor(share * values.length))];

interface Measured {
  name: string;
  medianSeconds: number;
  p10: number;
  p90: number;
  peakRssMiB: number;
}

/** Lets the workers take turns at a task. */
async function interleave(
  workers: Worker[],
  task: Task,
  rounds: number,
  warmUp: number,
  onProgress: ProgressListener,
): Promise<Map<string, Measured>> {
  const answers = new Map<string, Answer[]>(workers.map(({ name }) => [name, []]));
  const started = performance.now();
  for (let round = -warmUp; round < rounds; round++) {
    for (const worker of workers) {
      const answer = await worker.ask(task);
      if (round >= 0) answers.get(worker.name)!.push(answer);
    }
    onProgress({
      label: `Timing: ${task}`,
      done: round + warmUp + 1,
      total: rounds + warmUp,
      unit: 'round',
      seconds: (performance.now() - started) / 1000,
    });
  }
  return new Map(
    [...answers].map(([name, list]) => {
      const seconds = list.map((answer) => answer.seconds);
      return [
        name,
        {
          name,
          medianSeconds: median(seconds),
          p10: percentile(seconds, 0.1),
          p90: percentile(seconds, 0.9),
          peakRssMiB: Math.max(...list.map((answer) => answer.peakRssMiB)),
        },
      ];
    }),
  );
}

interface TunedTorch {
  kind: string;
  seconds: number;
}

/**
 * Of the ways to tune PyTorch in one precision, the fastest in three steps after three; undefined where none
 * runs, or a step takes longer than `limitSeconds` (bfloat16 on a processor that has no instructions for it).
 */
async function bestTorch(
  precision: 'float32' | 'bfloat16',
  python: string,
  args: Arguments,
  limitSeconds: number,
  say: (line: string) => void,
): Promise<TunedTorch | undefined> {
  const found: TunedTorch[] = [];
  for (const kind of [precision, `${precision}-compiled`]) {
    let worker: Worker | undefined;
    try {
      worker = await startTorch(kind, kind, python, args);
      if (!kind.endsWith('compiled')) await within(limitSeconds, worker.ask('step'));
      const measured = await interleave([worker], 'step', 3, 2, () => {});
      found.push({ kind, seconds: measured.get(kind)!.medianSeconds });
      say(`  PyTorch ${kind}: ${found.at(-1)!.seconds.toFixed(3)} s a step`);
    } catch (error) {
      say(`  PyTorch ${kind}: left out, ${messageOf(error)}`);
      if (error instanceof TooSlow) break;
    } finally {
      worker?.stop();
    }
  }
  return found.sort((a, b) => a.seconds - b.seconds)[0];
}

class TooSlow extends Error {}

function within<T>(seconds: number, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout;
  const late = new Promise<never>((_, reject) => {
    const error = new TooSlow(`a step takes more than ${seconds.toFixed(0)} s`);
    timer = setTimeout(() => reject(error), 1000 * seconds);
  });
  promise.catch(() => {}); // a worker that is stopped answers no more
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

async function bench(args: Arguments): Promise<void> {
  const say = (line: string) => process.stderr.write(`${line}\n`);
  const progress = streamProgress(process.stderr);
  const best = fastestPrecision();
  if (args.profile) return profileStep(args, best);
  if (args.ops) return compareOps(args);
  if (args.growth) return growth(args, best, say);

  const python = args.torch ? torchPython(say) : undefined;
  const tuned: Partial<Record<Precision, string>> = {};
  if (python) {
    say('Which PyTorch is the fastest here?');
    const float32 = await bestTorch('float32', python, args, 600, say);
    if (!float32) throw new InputError('PyTorch is installed and does not run a step');
    const bfloat16 = await bestTorch('bfloat16', python, args, 8 * float32.seconds, say);
    Object.assign(tuned, { float32: float32.kind, bfloat16: bfloat16?.kind });
  }

  const workers: Worker[] = [];
  const OURS = 'ours';
  const OURS_FLOAT32 = 'ours float32';
  const ARTICLE = "PyTorch, the article's code";
  const STOCK = 'stock tfjs';
  const torchName = (kind: string) => `PyTorch tuned, ${kind.replace('-', ', ')}`;
  try {
    workers.push(await startNode(OURS, 'ours.ts', args, best));
    if (best !== 'float32') workers.push(await startNode(OURS_FLOAT32, 'ours.ts', args, 'float32'));
    if (python) {
      workers.push(await startTorch(ARTICLE, 'article', python, args));
      for (const kind of Object.values(tuned).filter((each) => each !== undefined))
        workers.push(await startTorch(torchName(kind), kind, python, args));
    }
    if (args.stock) workers.push(await startNode(STOCK, 'stock.ts', args, 'float32', false));

    const ours32 = workers.find(({ name }) => name === OURS_FLOAT32) ?? workers[0];
    const rates: { best: number[]; float32: number[] } = { best: [], float32: [] };
    const measureRates = async () => {
      rates.best.push((await workers[0].ask('rate')).value as number);
      rates.float32.push((await ours32.ask('rate')).value as number);
    };
    const step = await interleave(workers, 'step', args.rounds, 10, progress);
    await measureRates();
    const evaluate = await interleave(workers, 'evaluate', args.rounds, 2, progress);
    await measureRates();
    const latency = await interleave(workers, 'latency', 3 * args.rounds, 5, progress);
    await measureRates();
    // The floor is what the machine can do: the best that was seen, not what noise left of it.
    const rate = Math.max(...rates.best);
    const rateFloat32 = Math.max(...rates.float32);

    const flops = stepFlops(args);
    const of = (results: Map<string, Measured>) => {
      const all = [...results.values()];
      const ours = { precision: best, ...results.get(OURS)! };
      const oursFloat32 = {
        precision: 'float32',
        ...(results.get(OURS_FLOAT32) ?? results.get(OURS)!),
      };
      const peers = all.filter(({ name }) => name !== OURS && name !== OURS_FLOAT32);
      const ratio = (mine: Measured, other?: string) => {
        const peer = other === undefined ? undefined : results.get(other);
        return peer ? mine.medianSeconds / peer.medianSeconds : null;
      };
      const peerOf = (precision: Precision) => {
        const kind = tuned[precision];
        return kind && torchName(kind);
      };
      return {
        ours,
        oursFloat32,
        peers,
        ratioToArticle: ratio(ours, ARTICLE),
        ratioToBestPeer: ratio(ours, peerOf(best)),
        ratioToBestPeerFloat32: ratio(oursFloat32, peerOf('float32')),
        ratioToStock: ratio(ours, STOCK),
      };
    };
    const steps = of(step);
    const result = {
      machine: machine(args),
      step: {
        ...steps,
        gigaFlops: flops / 1e9,
        convolutionGigaFlopsPerSecond: rate / 1e9,
        floorSeconds: flops / rate,
        floorSecondsFloat32: flops / rateFloat32,
        ratioToFloor: steps.ours.medianSeconds / (flops / rate),
        ratioToFloorFloat32: steps.oursFloat32.medianSeconds / (flops / rateFloat32),
      },
      evaluate: of(evaluate),
      latency: of(latency),
    };
    if (args.out) writeJson(args.out, result);
    if (args.json) return printJson(result);
    report(result, args);
  } finally {
    for (const worker of workers) worker.stop();
  }
}

/** Forward is two FLOPs a MAC; the gradients of a layer's weights and of its input are as much again each. */
function stepFlops(args: Arguments): number {
  const rows = layerTable(ALEXNET, { inputSize: args.inputSize, channels: 1, classes: 10 });
  const macs = rows.reduce((sum, row) => sum + row.macs, 0);
  const first = rows[0].macs; // nobody needs the gradient of the images
  return 2 * args.batchSize * (3 * macs - first);
}

function machine(args: Arguments) {
  const [cpu] = os.cpus();
  return {
    cpu: cpu.model,
    cores: os.availableParallelism(),
    memoryGiB: Math.round(os.totalmem() / 2 ** 30),
    threads: args.threads,
    batchSize: args.batchSize,
    inputSize: args.inputSize,
    node: process.version,
    date: new Date().toISOString().slice(0, 10),
  };
}

type Section = {
  ours: Measured;
  oursFloat32: Measured;
  peers: Measured[];
  ratioToBestPeer: number | null;
  ratioToBestPeerFloat32: number | null;
};

function report(
  result: {
    machine: ReturnType<typeof machine>;
    step: Section & Record<string, unknown>;
    evaluate: Section;
    latency: Section;
  },
  args: Arguments,
): void {
  const { cpu, threads, batchSize, inputSize } = result.machine;
  console.log(
    `\n${cpu}, ${threads} threads; batches of ${batchSize} at ${inputSize}×${inputSize}; medians of ${args.rounds} rounds\n`,
  );
  console.log(
    '| | step (s) | p10–p90 | peak memory (MiB) | evaluate (images/s) | one image (ms) |',
  );
  console.log('|---|---|---|---|---|---|');
  const rows = (section: Section) => {
    const ours =
      section.ours.name === section.oursFloat32.name
        ? [section.ours]
        : [section.ours, section.oursFloat32];
    return [...ours, ...section.peers];
  };
  rows(result.step).forEach((step, i) => {
    const evaluate = rows(result.evaluate)[i];
    const latency = rows(result.latency)[i];
    console.log(
      `| ${step.name} | ${step.medianSeconds.toFixed(3)} | ${step.p10.toFixed(3)}–${step.p90.toFixed(3)} | ${step.peakRssMiB.toFixed(0)} ` +
        `| ${(batchSize / evaluate.medianSeconds).toFixed(0)} | ${(1000 * latency.medianSeconds).toFixed(1)} |`,
    );
  });
  const number = (value: unknown) =>
    typeof value === 'number' ? value.toFixed(2) : 'not measured';
  const { step, evaluate, latency } = result;
  console.log(
    `\nStep: ${number(step.ratioToArticle)} of the article's code, ${number(step.ratioToBestPeer)} of the best-tuned PyTorch`,
  );
  console.log(`  in float32 against its float32: ${number(step.ratioToBestPeerFloat32)}`);
  console.log(
    `  floor ${number(step.floorSeconds)} s: ratio ${number(step.ratioToFloor)}; in float32 ${number(step.floorSecondsFloat32)} s: ratio ${number(step.ratioToFloorFloat32)}`,
  );
  console.log(
    `Evaluation: ${number(evaluate.ratioToBestPeer)} of the best-tuned PyTorch's time, float32 ${number(evaluate.ratioToBestPeerFloat32)}`,
  );
  console.log(
    `One image: ${number(latency.ratioToBestPeer)}, float32 ${number(latency.ratioToBestPeerFloat32)}`,
  );
}

async function profileStep(args: Arguments, precision: Precision): Promise<void> {
  const worker = await startNode('ours', 'ours.ts', args, precision);
  for (let i = 0; i < 14; i++) await worker.ask('step');
  const { value, seconds } = await worker.ask('profile');
  worker.stop();
  const ops = value as { op: string; milliseconds: number; calls: number }[];
  if (args.json) return printJson({ precision, seconds, ops });
  const inOps = ops.reduce((sum, { milliseconds }) => sum + milliseconds, 0);
  console.log(
    `One step in ${precision}: ${(1000 * seconds).toFixed(0)} ms, ${inOps.toFixed(0)} of them in TensorFlow's ops\n`,
  );
  console.log('| op and output | ms | calls |\n|---|---|---|');
  for (const { op, milliseconds, calls } of ops.filter((entry) => entry.milliseconds >= 0.5)) {
    console.log(`| ${op} | ${milliseconds.toFixed(1)} | ${calls} |`);
  }
}

async function compareOps(args: Arguments): Promise<void> {
  process.env.TF_ENABLE_ONEDNN_OPTS = '0'; // else TensorFlow may take oneDNN's for its own
  const worker = await startNode('ours', 'ours.ts', args, 'float32');
  const rows = (await worker.ask('ops')).value as OpRow[];
  worker.stop();
  if (args.json) return printJson({ machine: machine(args), rows });
  console.log('| op | own (ms) | oneDNN (ms) | own (GFLOP/s) | oneDNN (GFLOP/s) |');
  console.log('|---|---|---|---|---|');
  for (const { op, gigaFlops, own, oneDnn } of rows) {
    const rate = (ms: number) => (gigaFlops / (ms / 1000)).toFixed(0);
    const twin = oneDnn === null ? ['none', 'none'] : [oneDnn.toFixed(1), rate(oneDnn)];
    console.log(`| ${op} | ${own.toFixed(1)} | ${twin[0]} | ${rate(own)} | ${twin[1]} |`);
  }
}

async function growth(
  args: Arguments,
  precision: Precision,
  say: (line: string) => void,
): Promise<void> {
  const points: { batchSize: number; inputSize: number; seconds: number; peakRssMiB: number }[] =
    [];
  const sizes = [
    ...[1, 2, 4, 8, 16, 32, 64, 128, 256, 512].map((batchSize) => ({ batchSize, inputSize: 227 })),
    ...[64, 96, 128, 160, 192].map((inputSize) => ({ batchSize: 128, inputSize })),
  ];
  for (const size of sizes) {
    const worker = await startNode('ours', 'ours.ts', { ...args, ...size }, precision);
    const measured = (await interleave([worker], 'step', 5, 2, () => {})).get('ours')!;
    worker.stop();
    points.push({ ...size, seconds: measured.medianSeconds, peakRssMiB: measured.peakRssMiB });
    say(
      `  batch ${size.batchSize}, input ${size.inputSize}: ${measured.medianSeconds.toFixed(3)} s`,
    );
  }
  const page = path.join(root, 'build', 'bench', 'growth.html');
  writeFigurePage(page, growthFigure(points));
  if (args.out) writeJson(args.out, { machine: machine(args), precision, points });
  if (args.json) return printJson({ machine: machine(args), precision, points });
  console.log(
    '\n| batch | input | step (s) | images/s | peak memory (MiB) |\n|---|---|---|---|---|',
  );
  for (const { batchSize, inputSize, seconds, peakRssMiB } of points) {
    console.log(
      `| ${batchSize} | ${inputSize} | ${seconds.toFixed(3)} | ${(batchSize / seconds).toFixed(0)} | ${peakRssMiB.toFixed(0)} |`,
    );
  }
  console.log(`\nFigure: ${path.relative(root, page)}`);
}

run(program);
