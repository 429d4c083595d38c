/**
 * npm run bench -- scaling: what several processes cost and bring. One process with all threads and two processes with
 * half of them take turns. From their times, a model on paper says how long a step takes on 2 to 64 machines.
 */
import { type Command, Option } from 'commander';
import { positiveInteger } from '../src/checks';
import { numberOf } from '../src/cli/common';
import { alexnet, NETWORKS, type NetworkName, trainableVariables } from '../src/model/index';
import { fastestPrecision } from '../src/tf/index';
import { freePorts, type GradientPrecision } from '../src/workers/index';
import { startOurs, stopContenders } from './contender';
import { type Contender, disturbance, type Measured, measure } from './measure';
import { markdownTable, reports } from './report';

interface Arguments {
  network: NetworkName;
  batchSize: number;
  steps: number;
}

const THREADS = 2;

export function configure(command: Command): void {
  const count = numberOf(positiveInteger);
  command
    .addOption(
      new Option('--network <name>', 'the network')
        .choices(Object.keys(NETWORKS))
        .default('alexnet'),
    )
    .option('--batch-size <n>', 'images of a step', count, 128)
    .option('--steps <n>', 'steps to time', count, 9);
  reports(command, scaling);
}

async function scaling({ network, batchSize, steps }: Arguments) {
  const sizes = { batchSize, inputSize: NETWORKS[network].inputSize, threads: THREADS };
  const precision = fastestPrecision();
  try {
    const alone = await startOurs(sizes, precision, { name: '1 process, 2 threads', network });
    const two = await startTwo('2 processes, 1 thread each', 'float32');
    const low = await startTwo('the same, gradients in bfloat16', 'bfloat16');
    const groups = [two, low];
    const step = await measure([alone, ...groups], 'step', steps, 1);
    const compute = [step[0], ...(await measure(groups, 'compute', steps, 1))];
    const sum = await measure(groups, 'sum', steps, 1);
    const rows = step.map((each, i) => [
      ...[each.name, each.medianSeconds.toFixed(2), compute[i].medianSeconds.toFixed(2)],
      `${(100 * Math.max(0, 1 - compute[i].medianSeconds / each.medianSeconds)).toFixed(0)}%`,
      (i === 0 ? 0 : sum[i - 1].medianSeconds).toFixed(2),
      disturbance(each, compute[i]),
    ]);
    const columns = ['', 'step (s)', 'without communication (s)', 'share of communication'];
    const text = markdownTable([...columns, 'summing gradients alone (s)', ''], rows);
    const model = paperModel(network, step[0], sum[0]);
    return {
      json: { ...sizes, network, precision, steps, step, compute, sum, model },
      text: `${text}\n\n${paperText(model, batchSize)}`,
    };
  } finally {
    stopContenders();
  }

  /** Two processes that train together. A task takes as long as the slower one needs. */
  async function startTwo(name: string, gradientPrecision: GradientPrecision): Promise<Contender> {
    const addresses = (await freePorts(2)).map((port) => `127.0.0.1:${port}`);
    const workers = await Promise.all(
      addresses.map((_, index) =>
        startOurs({ ...sizes, threads: THREADS / 2 }, precision, {
          ...{ name, network, group: { index, addresses, gradientPrecision } },
        }),
      ),
    );
    const ask = async (task: string) => {
      const answers = await Promise.all(workers.map((worker) => worker.ask(task)));
      return answers.reduce((a, b) => (a.seconds > b.seconds ? a : b));
    };
    return { name, ask };
  }
}

interface PaperModel {
  /** Seconds that one machine computes for a step. */
  compute: number;
  bytes: number;
  gradients: number;
  /** Bytes per second that TensorFlow adds up between two processes that need no network. */
  engine: number;
}

function paperModel(network: NetworkName, alone: Measured, sum: Measured): PaperModel {
  const { layers, inputSize } = NETWORKS[network];
  const model = alexnet({ layers, inputSize });
  const variables = trainableVariables(model);
  const bytes = variables.reduce((total, { size }) => total + 4 * size, 0);
  model.dispose();
  return {
    ...{ compute: alone.medianSeconds, bytes, gradients: variables.length },
    engine: bytes / sum.medianSeconds, // in a ring of two, each sends and receives half of the bytes twice
  };
}

const MACHINES = [2, 4, 8, 16, 32, 64];
const GBITS = [1, 10, 100];
/** Of a message between two machines in a room. */
const LATENCY = 1e-4;

/**
 * Speed-ups if nothing is hidden behind the computation: a step takes C/n + 2 (n−1)/n · B/min(W, E) + 2 (n−1) G L.
 * Ring all-reduce: Patarasuk, Yuan: Bandwidth Optimal All-reduce Algorithms for Clusters of Workstations, 2009.
 */
function paperText({ compute, bytes, gradients, engine }: PaperModel, batchSize: number): string {
  const seconds = (c: number, n: number, gbit: number) => {
    const bandwidth = Math.min((gbit * 1e9) / 8, engine);
    return c / n + (2 * (n - 1) * bytes) / (n * bandwidth) + 2 * (n - 1) * gradients * LATENCY;
  };
  const rows = [1, 8].flatMap((times) =>
    GBITS.map((gbit) => {
      const c = times * compute;
      const speedUps = MACHINES.map((n) => (c / seconds(c, n, gbit)).toFixed(2));
      return [times * batchSize, `${gbit} Gbit/s`, ...speedUps];
    }),
  );
  return `C = ${compute.toFixed(2)} s, B = ${(bytes / 1e6).toFixed(0)} MB of gradients in G = ${gradients} tensors, E = ${((8 * engine) / 1e9).toFixed(1)} Gbit/s that TensorFlow adds up, L = 0.1 ms. The speed-up over one machine, by the network's bandwidth W:

${markdownTable(['batch', 'link', ...MACHINES.map(String)], rows)}`;
}
