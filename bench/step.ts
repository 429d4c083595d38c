/** npm run bench -- step: this project in its fastest precision and in float32, PyTorch and stock tfjs take turns. */
import { type Command, Option } from 'commander';
import { positiveInteger } from '../src/checks';
import { numberOf } from '../src/cli/common';
import { ALEXNET, layerTable } from '../src/model/index';
import { device, fastestPrecision } from '../src/tf/index';
import {
  type ProcessContender,
  type Sizes,
  sizeOptions,
  startOurs,
  startStock,
  startTorch,
  stopContenders,
} from './contender';
import { disturbance, type Measured, measure } from './measure';
import { cpu, markdownTable, reports, say } from './report';
import { startFastest, torchPython } from './torch';

/** What is timed, with the rounds that do not count. */
const TASKS = {
  step: { what: 'training step', warmUp: 10 },
  evaluate: { what: 'evaluation of a batch', warmUp: 2 },
  latency: { what: 'one image', warmUp: 5 },
};
type Task = keyof typeof TASKS;

interface Arguments extends Sizes {
  rounds: number;
  only: Task[];
  torch: boolean;
  stock: boolean;
}

type Results = Partial<Record<Task, Measured[]>>;

export function configure(command: Command): void {
  const tasks = Object.keys(TASKS);
  sizeOptions(command)
    .option('--rounds <n>', 'measurements of each contender', numberOf(positiveInteger), 9)
    .addOption(new Option('--only <what...>', 'what to time').choices(tasks).default(tasks, 'all'))
    .option('--no-torch', 'leave out PyTorch')
    .option('--no-stock', 'leave out stock tfjs');
  reports(command, async (args: Arguments) => {
    try {
      return await compare(args);
    } finally {
      stopContenders();
    }
  });
}

async function compare(args: Arguments) {
  const { batchSize, inputSize, threads, rounds, only } = args;
  say(device().kind === 'GPU' ? `All on the ${device().name}` : 'No GPU: all on the CPU');
  const best = fastestPrecision();
  const ours: ProcessContender[] = [];
  for (const precision of new Set([best, 'float32'] as const)) {
    ours.push(await startOurs(args, precision));
  }
  const contenders = [...ours, ...(await peersOf(args))];
  const results: Results = {};
  const rates: number[][] = ours.map(() => []);
  for (const task of only) {
    const count = task === 'latency' ? 3 * rounds : rounds;
    results[task] = await measure(contenders, task, count, TASKS[task].warmUp);
    for (const [i, each] of ours.entries()) {
      rates[i].push((await each.ask('rate')).value as number);
    }
  }
  // What the machine can do is its best rate.
  const floors = ours.map(({ precision }, i) => ({
    precision: precision!,
    seconds: stepFlops(args) / Math.max(...rates[i]),
  }));
  const floorText = floors
    .map(({ precision, seconds }) => `${seconds.toFixed(2)} s in ${precision}`)
    .join(' and ');
  const text = `${cpu()}, ${threads} threads, on the ${device().name}; batches of ${batchSize} at ${inputSize}×${inputSize}; medians of ${rounds} rounds

${table(results)}

A step takes at least ${floorText}: its FLOPs at the rate of conv2's forward convolution.`;
  return { json: { threads, batchSize, inputSize, rounds, ...results, floors }, text };
}

async function peersOf(args: Arguments): Promise<ProcessContender[]> {
  const peers: ProcessContender[] = [];
  const python = args.torch ? torchPython() : undefined;
  if (python) {
    const best = fastestPrecision();
    const tuned = await startFastest(python, args, best === 'float32' ? 'bfloat16' : best);
    peers.push(await startTorch(python, 'article', args), ...tuned);
  }
  if (args.stock) peers.push(await startStock(args));
  return peers;
}

/** Two FLOPs per multiply–accumulate, for the forward pass, the weight gradients and the input gradients alike. */
function stepFlops({ batchSize, inputSize }: Sizes): number {
  const rows = layerTable(ALEXNET, { inputSize, channels: 1, classes: 10 });
  const macs = rows.reduce((sum, row) => sum + row.macs, 0);
  return 2 * batchSize * (3 * macs - rows[0].macs); // the images need no gradient
}

/** Our time beside each peer's: in the peer's precision, or else in our fastest. */
function table(results: Results): string {
  const rows: string[][] = [];
  for (const [task, measured] of Object.entries(results)) {
    const ours = measured.filter(({ name }) => name === 'ours');
    for (const peer of measured.slice(ours.length)) {
      const mine = ours.find(({ precision }) => precision === peer.precision) ?? ours[0];
      const add = (what: string, a: number, b: number, show: (x: number) => string, mark = '') => {
        const place = a <= b ? 'ahead' : 'behind';
        rows.push([
          ...[`${what}, ${mine.precision}`, show(a), peer.name, show(b), (a / b).toFixed(2)],
          mark ? `${place}, but ${mark}` : place,
        ]);
      };
      const seconds = [mine.medianSeconds, peer.medianSeconds] as const;
      add(TASKS[task as Task].what, ...seconds, duration, disturbance(mine, peer));
      if (task !== 'step') continue;
      add('peak memory', mine.peakRssMiB!, peer.peakRssMiB!, (x) => `${x.toFixed(0)} MiB`);
    }
  }
  return markdownTable(['what', 'ours', 'compared with', 'theirs', 'ratio', ''], rows);
}

const duration = (seconds: number) =>
  seconds < 0.1 ? `${(1000 * seconds).toFixed(1)} ms` : `${seconds.toFixed(3)} s`;
