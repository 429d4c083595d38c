/** Training runs to disturb. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { InputError } from '../../src/errors';
import { startDirectly } from '../process';

export interface Case {
  name: string;
  args: string[];
}

const words = (text: string) => text.split(/\s+/);

export const SMALL: Case = {
  name: 'small net',
  args: words(
    `--train-images 160 --validation-images 32 --epochs 2 --batch-size 16 --input-size 63
    --lr 0.0005 --checkpoint-steps 2`,
  ),
};

export const REAL: Case = {
  name: 'real net, 227×227',
  args: words(
    '--train-images 64 --validation-images 8 --epochs 1 --batch-size 8 --lr 0.0005 --checkpoint-steps 2',
  ),
};

/** The network is so small that a round takes seconds. */
export const TWO: Case = {
  name: 'two workers',
  args: words(
    `--train-images 320 --validation-images 33 --epochs 3 --batch-size 16 --network alexnet-small
    --lr 0.0005 --checkpoint-steps 2 --workers 2`,
  ),
};

/** Starts the training command so that a signal hits it, not a launcher. */
export const startTraining = (args: string[]) => startDirectly('train', args);

/** The process of worker `index` that `launcher`, the training command, started. Undefined if it has ended. */
export function workerPid(launcher: number, index: number): number | undefined {
  const { stdout } = spawnSync('ps', ['-o', 'pid=,args=', '--ppid', String(launcher)], {
    encoding: 'utf8',
  });
  const line = stdout.split('\n').find((each) => each.includes(` --worker ${index} `));
  return line === undefined ? undefined : Number(line.trim().split(' ')[0]);
}

/** What an undisturbed run ends with, and how long it takes. */
export interface Undisturbed {
  hash: string;
  history: string;
  seconds: number;
}

export async function undisturbed(
  folder: string,
  { args }: Case,
  precision: string,
): Promise<Undisturbed> {
  const started = performance.now();
  const { ended, text } = startTraining([...args, '--precision', precision, '--run', folder]);
  if ((await ended) !== 0) throw new InputError(`an undisturbed run fails: ${text().trim()}`);
  const seconds = (performance.now() - started) / 1000;
  return { hash: hashIn(text())!, history: historyOf(folder), seconds };
}

/** How a run that has ended differs from an undisturbed one; undefined if it does not. */
export function difference(run: string, text: string, want: Undisturbed): string | undefined {
  const hash = hashIn(text);
  if (hash === undefined) return `failed: ${text.trim().split('\n').pop()}`;
  if (hash !== want.hash) return 'another hash';
  return historyOf(run) === want.history ? undefined : 'another history';
}

/** The hash of the weights that a run printed. */
function hashIn(text: string): string | undefined {
  return text.match(/weights sha256: ([0-9a-f]{64})/)?.[1];
}

/** A run's history without times. */
function historyOf(folder: string): string {
  const epochs = JSON.parse(fs.readFileSync(path.join(folder, 'history.json'), 'utf8')).map(
    ({ seconds, imagesPerSecond, ...rest }: Record<string, unknown>) => rest,
  );
  return JSON.stringify(epochs) + fs.readFileSync(path.join(folder, 'steps.json'), 'utf8');
}
