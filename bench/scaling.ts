/**
 * npm run bench:scaling: what several processes cost and bring. Times steps of one process with two threads and of two
 * processes with one thread each, and how much of a step is communication. From that, a model on paper says how long a
 * step takes on 2 to 64 machines.
 */
import { spawn } from 'node:child_process';
import { positiveInteger } from '../src/checks';
import { command, numberOf, printJson, run } from '../src/cli/common';
import { loadDataset } from '../src/data/index';
import { writeJson } from '../src/files';
import { alexnet, NETWORKS, type NetworkName, trainableVariables } from '../src/model/index';
import { fastestPrecision, tf } from '../src/tf/index';
import { newTraining, trainStep, type Workers } from '../src/train/index';
import { freePorts, type GradientPrecision, joinGroup } from '../src/workers/index';
import { median } from './measure';
import { machine, markdownTable } from './report';

interface Arguments {
  network: NetworkName;
  batchSize: number;
  steps: number;
  json?: boolean;
  out?: string;
  worker?: string;
}

/** Seconds; medians. */
interface Times {
  /** A step that communicates. */
  step: number;
  /** The same without communication. */
  compute: number;
  /** Adding up all gradients, and nothing else. */
  sum: number;
  gradients: { count: number; bytes: number };
}

const program = command('bench:scaling', 'Times training with one process and with two.')
  .option('--network <name>', 'the network', 'alexnet')
  .option('--batch-size <n>', 'images of a step', numberOf(positiveInteger), 128)
  .option('--steps <n>', 'steps to time', numberOf(positiveInteger), 9)
  .option('--out <file>', 'also write the JSON to a file')
  .option('--json', 'print only JSON')
  .option('--worker <json>', 'one of the processes that this command starts')
  .action((args: Arguments) => (args.worker ? work(args) : scaling(args)));

async function scaling(args: Arguments): Promise<void> {
  const [alone] = await measure(1, 'float32');
  const [two] = await measure(2, 'float32');
  const [low] = await measure(2, 'bfloat16');
  const { network, batchSize } = args;
  const { count, bytes } = two.gradients;
  // In a ring of two, each process sends and receives half of the bytes twice.
  const engine = bytes / two.sum;
  const model = { compute: alone.compute, bytes, gradients: count, engine };
  const conditions = {
    ...{ ...machine({ threads: 2, batchSize, inputSize: NETWORKS[network].inputSize }), network },
    precision: fastestPrecision(),
  };
  const json = { machine: conditions, alone, two, twoBfloat16: low, model };
  if (args.out) writeJson(args.out, json);
  if (args.json) return printJson(json);
  const rows = [
    ['1 process, 2 threads', alone],
    ['2 processes, 1 thread each', two],
    ['the same, gradients in bfloat16', low],
  ] as [string, Times][];
  console.log(
    markdownTable(
      [
        '',
        'step (s)',
        'without communication (s)',
        'share of communication',
        'summing gradients alone (s)',
      ],
      rows.map(([name, { step, compute, sum }]) => [
        ...[name, step.toFixed(2), compute.toFixed(2)],
        ...[`${(100 * Math.max(0, 1 - compute / step)).toFixed(0)}%`, sum.toFixed(2)],
      ]),
    ),
  );
  console.log(`\n${paperText(model, batchSize)}`);
}

interface PaperModel {
  /** Seconds that one machine computes for a step. */
  compute: number;
  bytes: number;
  gradients: number;
  /** Bytes per second that TensorFlow adds up between two processes that need no network. */
  engine: number;
}

const MACHINES = [2, 4, 8, 16, 32, 64];
const GBITS = [1, 10, 100];
/** Of a message between two machines in a room. */
const LATENCY = 1e-4;

/**
 * Seconds of a step on `n` machines, nothing hidden behind the computation: C/n + 2 (n−1)/n · B/min(W, E) + 2 (n−1) G L.
 * Ring all-reduce: Patarasuk, Yuan: Bandwidth Optimal All-reduce Algorithms for Clusters of Workstations, 2009.
 */
function stepSeconds(
  { compute, bytes, gradients, engine }: PaperModel,
  n: number,
  gbit: number,
): number {
  const bandwidth = Math.min((gbit * 1e9) / 8, engine);
  return compute / n + (2 * (n - 1) * bytes) / (n * bandwidth) + 2 * (n - 1) * gradients * LATENCY;
}

function paperText(model: PaperModel, batchSize: number): string {
  const { compute, bytes, gradients, engine } = model;
  const lines = [
    `Step on n machines: C/n + 2 (n−1)/n · B/min(W, E) + 2 (n−1) G L, with B = ${(bytes / 1e6).toFixed(0)} MB of gradients,`,
    `G = ${gradients} of them, E = ${((8 * engine) / 1e9).toFixed(1)} Gbit/s that TensorFlow adds up, L = 0.1 ms, network W.`,
  ];
  for (const times of [1, 8]) {
    const larger = { ...model, compute: times * compute };
    lines.push('', `Batch ${times * batchSize}, C = ${larger.compute.toFixed(1)} s. Speed-up:`, '');
    const rows = GBITS.map((gbit) => {
      const speedUps = MACHINES.map((n) => larger.compute / stepSeconds(larger, n, gbit));
      const best = speedUps.indexOf(Math.max(...speedUps));
      const pays =
        speedUps[best] < 1 ? 'never' : best === MACHINES.length - 1 ? '64' : String(MACHINES[best]);
      return [`${gbit} Gbit/s`, ...speedUps.map((speedUp) => speedUp.toFixed(2)), pays];
    });
    lines.push(markdownTable(['', ...MACHINES.map(String), 'pays up to'], rows));
  }
  return lines.join('\n');
}

/** The times of each of `count` processes that share two threads. */
async function measure(count: number, gradientPrecision: GradientPrecision): Promise<Times[]> {
  const addresses = (await freePorts(count)).map((port) => `127.0.0.1:${port}`);
  const [, main, ...given] = process.argv;
  return Promise.all(
    addresses.map((_, index) => {
      const worker = JSON.stringify({ index, addresses, gradientPrecision });
      const child = spawn(
        process.execPath,
        [...process.execArgv, main, __filename, ...given, '--worker', worker],
        {
          env: { ...process.env, TF_NUM_INTRAOP_THREADS: String(2 / count) },
          stdio: ['ignore', 'pipe', 'inherit'],
        },
      );
      let text = '';
      child.stdout.on('data', (chunk) => {
        text += chunk;
      });
      return new Promise<Times>((resolve, reject) => {
        child.on('close', (code) =>
          code === 0 ? resolve(JSON.parse(text)) : reject(new Error(`worker ${index}: ${code}`)),
        );
      });
    }),
  );
}

/** One process: times steps with communication and without, and the communication alone. */
async function work({ network, batchSize, steps, worker }: Arguments): Promise<void> {
  const { index, addresses, gradientPrecision } = JSON.parse(worker!);
  const isAlone = addresses.length === 1;
  const group = isAlone ? undefined : await joinGroup({ index, addresses, gradientPrecision });
  const silent: Workers | undefined = group && {
    ...{ index, count: addresses.length },
    sumGradient: (x) => x,
    sum: (x) => x.clone(),
  };
  const { layers, inputSize } = NETWORKS[network];
  const model = alexnet({ layers, inputSize });
  const set = loadDataset('train');
  const batch = Uint32Array.from({ length: batchSize }, (_, i) => i);
  const training = newTraining(model, { precision: fastestPrecision(), learningRate: 1e-5 });
  const step = (workers?: Workers) => () => trainStep({ ...training, workers }, set, [batch]);
  const variables = trainableVariables(model);
  const sum = () => {
    const sums = variables.map((variable) => group!.sumGradient(variable.clone()));
    for (const each of sums) each.min().dataSync(); // waits
    tf.dispose(sums);
  };
  const tasks = group ? [step(group), step(silent), sum] : [step()];
  const seconds: number[][] = tasks.map(() => []);
  // Turn by turn, so that all see the same machine. The first round warms up.
  for (let round = 0; round <= steps; round++) {
    for (const [i, task] of tasks.entries()) {
      group?.sum(tf.scalar(0)).dataSync(); // all start together
      const started = performance.now();
      task();
      if (round > 0) seconds[i].push((performance.now() - started) / 1000);
    }
  }
  const [whole, compute = median(seconds[0]), communication = 0] = seconds.map(median);
  const bytes = variables.reduce((total, { size }) => total + 4 * size, 0);
  printJson({
    ...{ step: whole, compute, sum: communication },
    gradients: { count: variables.length, bytes },
  });
  await group?.leave();
  process.exit(0);
}

run(program);
