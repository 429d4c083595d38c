/** The options of `npm run train` for several processes, and what the process does that starts them. */
import os from 'node:os';
import { type Command, Option } from 'commander';
import { positiveInteger, positiveNumber, wholeNumber } from '../checks';
import { InputError } from '../errors';
import {
  checkPrivate,
  freePorts,
  GRADIENT_PRECISIONS,
  type GradientPrecision,
  joinGroup,
  launchWorkers,
  ownIndex,
  parseAddresses,
  readClusterFile,
  type TensorFlowGroup,
  threadsFor,
  visibleGpus,
  WAIT_SECONDS,
} from '../workers/index';
import { numberOf } from './common';
import type { Io } from './io';

export interface WorkerArguments {
  workers?: number | 'gpus';
  worker?: number;
  cluster?: string[];
  clusterFile?: string;
  restarts: number;
  gradientPrecision: GradientPrecision;
  wait: number;
  trustNetwork?: boolean;
  /** Set by the process that starts the workers. */
  join?: boolean;
}

export function workerOptions(program: Command): Command {
  const count = numberOf(positiveInteger);
  return program
    .option(
      '--workers <n>',
      'train in this many processes on this machine; gpus: in one for each GPU',
      (text) => (text === 'gpus' ? text : count(text)),
    )
    .option(
      '--cluster <list>',
      'the workers on several machines, such as host-a:5000,host-b:5000: the same list on each machine',
      parseAddresses,
    )
    .option('--worker <n>', 'with --cluster: which of them this is, from 0', numberOf(wholeNumber))
    .option(
      '--cluster-file <file>',
      'the same from a JSON file: {"workers": ["host-a:5000", "host-b:5000"], "worker": 0}',
    )
    .addOption(
      new Option('--gradient-precision <name>', 'number format in which gradients travel')
        .choices(GRADIENT_PRECISIONS)
        .default('float32'),
    )
    .option(
      '--wait <seconds>',
      'how long to wait for the other workers',
      numberOf(positiveNumber),
      WAIT_SECONDS,
    )
    .option(
      '--restarts <n>',
      'if a worker is lost, start again from the last checkpoint, up to n times',
      numberOf(wholeNumber),
      0,
    )
    .option('--trust-network', 'allow workers at addresses that are not private')
    .addOption(new Option('--join').hideHelp());
}

/** Whether the options ask for several processes that this one must start. */
export function asksForWorkers({ workers, worker, cluster, clusterFile, join }: WorkerArguments) {
  if (join) return false;
  if (workers !== undefined && (cluster ?? clusterFile) !== undefined) {
    throw new InputError('--workers starts all workers on this machine: leave out --cluster');
  }
  if (worker !== undefined && cluster === undefined && clusterFile === undefined) {
    throw new InputError('--worker needs --cluster');
  }
  if (cluster !== undefined && clusterFile !== undefined) {
    throw new InputError('--cluster and --cluster-file cannot be used together');
  }
  return (workers !== undefined && workers !== 1) || (cluster ?? clusterFile) !== undefined;
}

/** In a process that was started as a worker: joins the others. */
export async function joinWorkers(args: WorkerArguments): Promise<TensorFlowGroup> {
  process.on('disconnect', () => process.exit(1)); // the process that started it is gone
  const group = await joinGroup({
    index: args.worker!,
    addresses: args.cluster!,
    gradientPrecision: args.gradientPrecision,
    waitSeconds: args.wait,
  });
  // From now on TensorFlow would ignore SIGTERM.
  process.on('SIGTERM', () => process.exit(128 + os.constants.signals.SIGTERM));
  return group;
}

/**
 * Starts the workers of this machine with the arguments of this process and waits for them.
 *
 * @param given the arguments of this process
 * @param more more arguments, asked for at each start
 * @returns whether training was interrupted
 */
export async function startWorkers(
  io: Io,
  args: WorkerArguments,
  given: readonly string[],
  more: () => string[],
): Promise<boolean> {
  const place = args.workers === undefined ? await placeIn(args) : undefined;
  if (place && !args.trustNetwork) await checkPrivate(place.addresses, args.wait);
  const gpus = args.workers === 'gpus' ? visibleGpus() : undefined;
  const count = gpus?.length ?? (args.workers as number);
  for (let restart = 0; ; restart++) {
    const addresses =
      place?.addresses ?? (await freePorts(count)).map((port) => `127.0.0.1:${port}`);
    const indices = place ? [place.index] : addresses.keys();
    const outcome = await launchWorkers(
      [...indices].map((index) => ({
        index,
        args: [
          ...[...io.program, ...given, ...more()],
          ...['--worker', String(index), '--cluster', addresses.join(','), '--join'],
        ],
        env: {
          ...(place || gpus ? {} : threadsFor(count)),
          ...(gpus ? { CUDA_VISIBLE_DEVICES: gpus[index] } : {}),
          // TensorFlow's own lines about a lost worker; we say it in one sentence.
          TF_CPP_MIN_LOG_LEVEL: '3',
        },
      })),
    );
    const { kind, message } = outcome;
    if (kind === 'failed') throw new InputError(message);
    if (kind !== 'lost') return kind === 'interrupted';
    if (restart === args.restarts) {
      throw new InputError(`${message}. To continue: the same command with --resume`);
    }
    io.print(`${message}. Starting again: ${restart + 1} of ${args.restarts}`);
  }
}

/** The cluster of the options, and which of its workers this is. */
async function placeIn({ worker, cluster, clusterFile }: WorkerArguments) {
  const file = clusterFile === undefined ? undefined : readClusterFile(clusterFile);
  const addresses = cluster ?? file!.addresses;
  const index = worker ?? file?.index ?? (await ownIndex(addresses));
  if (index >= addresses.length) {
    throw new InputError(
      `worker ${index}: the cluster has ${addresses.length} workers, numbered from 0`,
    );
  }
  return { addresses, index };
}
