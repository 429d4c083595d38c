/** Runs the training command in a process of its own that can be killed. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { InputError } from '../../src/errors';
import { programFile, root } from '../../test/support/command';

/** A training run to disturb. */
export interface Case {
  name: string;
  args: string[];
}

export const SMALL: Case = {
  name: 'small net',
  args: [
    ...['--train-images', '160', '--validation-images', '32', '--epochs', '2'],
    ...['--batch-size', '16', '--input-size', '63', '--lr', '0.0005', '--checkpoint-steps', '2'],
  ],
};

/** Two workers. The network is so small that a round takes seconds. */
export const TWO: Case = {
  name: 'two workers',
  args: [
    ...[
      '--train-images',
      '320',
      '--validation-images',
      '33',
      '--epochs',
      '3',
      '--batch-size',
      '16',
    ],
    ...[
      '--network',
      'alexnet-small',
      '--lr',
      '0.0005',
      '--checkpoint-steps',
      '2',
      '--workers',
      '2',
    ],
  ],
};

export const REAL: Case = {
  name: 'real net, 227×227',
  args: [
    ...['--train-images', '64', '--validation-images', '8', '--epochs', '1', '--batch-size', '8'],
    ...['--lr', '0.0005', '--checkpoint-steps', '2'],
  ],
};

interface TrainingProcess {
  child: ChildProcess;
  /** The exit code; null if a signal ended the process. */
  ended: Promise<number | null>;
  /** Everything printed so far. */
  text: () => string;
}

/** Starts the training command without a launcher in between. */
export function startTraining(args: string[]): TrainingProcess {
  const program = [...programFile(), 'train', ...args];
  const child = spawn(process.execPath, program, { cwd: root });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      text += chunk;
    });
  }
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  return { child, ended, text: () => text };
}

/** The process of worker `index` that `launcher`, the training command, started. Undefined if it has ended. */
export function workerPid(launcher: number, index: number): number | undefined {
  const { stdout } = spawnSync('ps', ['-o', 'pid=,args=', '--ppid', String(launcher)], {
    encoding: 'utf8',
  });
  const line = stdout.split('\n').find((each) => each.includes(` --worker ${index} `));
  return line === undefined ? undefined : Number(line.trim().split(' ')[0]);
}

/** The hash and the history of an undisturbed run, and how long it takes. */
export async function undisturbed(folder: string, { args }: Case, precision: string) {
  const started = performance.now();
  const { ended, text } = startTraining([...args, '--precision', precision, '--run', folder]);
  if ((await ended) !== 0) throw new InputError(`an undisturbed run fails: ${text().trim()}`);
  const seconds = (performance.now() - started) / 1000;
  return { hash: hashIn(text())!, history: historyOf(folder), seconds };
}

/** The hash of the weights that a run printed. */
export function hashIn(text: string): string | undefined {
  return text.match(/weights sha256: ([0-9a-f]{64})/)?.[1];
}

/** A run's history without times. */
export function historyOf(folder: string): string {
  const epochs = JSON.parse(fs.readFileSync(path.join(folder, 'history.json'), 'utf8')).map(
    ({ seconds, imagesPerSecond, ...rest }: Record<string, unknown>) => rest,
  );
  return JSON.stringify(epochs) + fs.readFileSync(path.join(folder, 'steps.json'), 'utf8');
}
