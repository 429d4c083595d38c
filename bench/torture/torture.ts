/**
 * npm run torture: what is promised of a run, tried for minutes. Trainings are killed at random moments and
 * resumed, a disk fills up, files are damaged by the thousand, and memory is watched over hundreds of steps.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import v8 from 'node:v8';
import vm from 'node:vm';
import { positiveInteger, wholeNumber } from '../../src/checks';
import { command, numberOf, printJson, run } from '../../src/cli/common';
import { loadDataset, slice } from '../../src/data/index';
import { randomUniform } from '../../src/data/random';
import { InputError } from '../../src/errors';
import { evaluate } from '../../src/evaluate/index';
import { writeJson } from '../../src/files';
import { alexnet, type LayerSpec } from '../../src/model/index';
import type { ProgressListener } from '../../src/progress';
import { readCheckpoint, trainState } from '../../src/runs/index';
import { loadModel, saveModel } from '../../src/storage/index';
import { tf } from '../../src/tf/index';
import { newTraining, trainStep } from '../../src/train/index';
import { streamProgress } from '../../src/viz/index';
import { fuzz } from './fuzz';

const root = path.resolve(__dirname, '..', '..');

interface Arguments {
  rounds: number;
  realRounds: number;
  files: number;
  seed: number;
  json?: boolean;
  out?: string;
}

/** One line of the table. */
interface Result {
  what: string;
  ok: boolean;
  found: string;
}

const program = command('torture', 'Kills, fills and damages, and looks whether anything is lost.')
  .option('--rounds <n>', 'kills of a small training', numberOf(wholeNumber), 50)
  .option('--real-rounds <n>', 'kills of the real network at 227×227', numberOf(wholeNumber), 5)
  .option('--files <n>', 'damaged files', numberOf(wholeNumber), 10_000)
  .option('--seed <n>', 'of what is random', numberOf(positiveInteger), 1)
  .option('--out <file>', 'write the JSON to a file too')
  .option('--json', 'print JSON and nothing else')
  .action(torture);

const SMALL = {
  name: 'small net',
  args: [
    ...[
      '--train-images',
      '160',
      '--validation-images',
      '32',
      '--epochs',
      '2',
      '--batch-size',
      '16',
    ],
    ...['--input-size', '63', '--lr', '0.0005', '--checkpoint-steps', '2'],
  ],
};
const REAL = {
  name: 'real net, 227×227',
  args: [
    ...['--train-images', '64', '--validation-images', '8', '--epochs', '1', '--batch-size', '8'],
    ...['--lr', '0.0005', '--checkpoint-steps', '2'],
  ],
};

async function torture(args: Arguments): Promise<void> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'alexnet-torture-'));
  const progress = streamProgress(process.stderr);
  const results: Result[] = [];
  const random = randomUniform(args.seed);
  try {
    for (const precision of ['float32', 'bfloat16']) {
      const rounds = Math.ceil(args.rounds / 2);
      results.push(await kills(folder, SMALL, precision, rounds, random, progress));
    }
    results.push(await kills(folder, REAL, 'float32', args.realRounds, random, progress));
    results.push(await fullDisk(folder));
    results.push(...(await damagedFiles(folder, args.files, args.seed, progress)));
    results.push(await memory(folder, progress));
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
  const [cpu] = os.cpus();
  const machine = { cpu: cpu.model, cores: os.availableParallelism(), node: process.version };
  const date = new Date().toISOString().slice(0, 10);
  if (args.out) writeJson(args.out, { machine, date, results });
  if (args.json) printJson({ machine, date, results });
  else {
    console.log('| | | |\n|---|---|---|');
    for (const { what, ok, found } of results)
      console.log(`| ${what} | ${ok ? '✓' : '✗'} | ${found} |`);
  }
  if (results.some(({ ok }) => !ok)) process.exitCode = 1;
}

/** The training command as a process of its own, to be killed without a launcher between. */
function start(args: string[]): {
  child: ChildProcess;
  ended: Promise<number | null>;
  text: () => string;
} {
  const loader = path.join(root, 'node_modules', 'tsx', 'dist', 'loader.mjs');
  const main = path.join(root, 'src', 'cli', 'main.ts');
  const file = path.join(root, 'src', 'cli', 'train.ts');
  const child = spawn(process.execPath, ['--import', loader, main, file, ...args], { cwd: root });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      text += chunk;
    });
  }
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  return { child, ended, text: () => text };
}

const hashIn = (text: string) => text.match(/weights sha256: ([0-9a-f]{64})/)?.[1];

interface Case {
  name: string;
  args: string[];
}

/** The hash and the history of a training that nothing happens to, and how long it takes. */
async function undisturbed(folder: string, { args }: Case, precision: string) {
  const started = performance.now();
  const { ended, text } = start([...args, '--precision', precision, '--run', folder]);
  if ((await ended) !== 0) throw new InputError(`a training fails undisturbed: ${text().trim()}`);
  const seconds = (performance.now() - started) / 1000;
  return { hash: hashIn(text())!, history: historyOf(folder), seconds };
}

/** A run's history without what the clock says. */
function historyOf(folder: string): string {
  const epochs = JSON.parse(fs.readFileSync(path.join(folder, 'history.json'), 'utf8')).map(
    ({ seconds, imagesPerSecond, ...rest }: Record<string, unknown>) => rest,
  );
  return JSON.stringify(epochs) + fs.readFileSync(path.join(folder, 'steps.json'), 'utf8');
}

/** kill -9 at random moments, resumed each time; when it has ended, another training begins. */
async function kills(
  folder: string,
  testCase: Case,
  precision: string,
  rounds: number,
  random: () => number,
  onProgress: ProgressListener,
): Promise<Result> {
  const what = `kill -9, ${testCase.name}, ${precision}`;
  if (rounds === 0) return { what, ok: true, found: 'left out' };
  const place = (name: string) => path.join(folder, `${testCase.name} ${precision} ${name}`);
  const want = await undisturbed(place('whole'), testCase, precision);
  const started = performance.now();
  const wrong: string[] = [];
  let [killed, ended, inWriting] = [0, 0, 0];
  for (let attempt = 0, fresh = true; killed < rounds || !fresh; attempt++) {
    const run = place(String(ended));
    // Nothing may be there to continue: a training that was killed before its first breath.
    const goesOn = !fresh && fs.existsSync(path.join(run, 'checkpoints', 'run.json'));
    const args = goesOn
      ? ['--resume', '--run', run, '--checkpoint-steps', '2']
      : [...testCase.args, '--precision', precision, '--run', run];
    if (!goesOn) fs.rmSync(run, { recursive: true, force: true });
    fresh = false;
    const process = start(args);
    const isLast = killed >= rounds;
    const patience = 1000 * want.seconds * (0.15 + 0.85 * random());
    const timer = isLast ? undefined : setTimeout(() => process.child.kill('SIGKILL'), patience);
    const code = await process.ended;
    clearTimeout(timer);
    if (code === null) {
      killed++;
      if (isWriting(run)) inWriting++;
      onProgress({
        label: what,
        done: killed,
        total: rounds,
        unit: 'kill',
        seconds: (performance.now() - started) / 1000,
      });
      continue;
    }
    ended++;
    fresh = true;
    if (code !== 0) wrong.push(`exit ${code}: ${process.text().trim().split('\n').pop()}`);
    else if (hashIn(process.text()) !== want.hash) wrong.push(`run ${ended}: another hash`);
    else if (historyOf(run) !== want.history) wrong.push(`run ${ended}: another history`);
    fs.rmSync(run, { recursive: true, force: true });
    if (wrong.length > 3 || attempt > 20 * rounds) break;
  }
  fs.rmSync(place('whole'), { recursive: true, force: true });
  const found = `${killed} kills (${inWriting} while a checkpoint was written) in ${ended} trainings, each ended in ${want.hash.slice(0, 12)}…`;
  return { what, ok: wrong.length === 0, found: wrong.length === 0 ? found : wrong.join('; ') };
}

function isWriting(run: string): boolean {
  const folder = path.join(run, 'checkpoints');
  return fs.existsSync(folder) && fs.readdirSync(folder).some((name) => name.endsWith('.tmp'));
}

/** A small file system fills up while a checkpoint is written; then there is room, and the run goes on. */
async function fullDisk(folder: string): Promise<Result> {
  const what = 'disk full while a checkpoint is written';
  const disk = path.join(folder, 'disk');
  fs.mkdirSync(disk);
  // One checkpoint of this net fits, a second beside it does not.
  const mount = (options: string) =>
    spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', disk]).status === 0;
  if (!mount('size=400m')) return { what, ok: true, found: 'left out: no right to mount a tmpfs' };
  try {
    const want = await undisturbed(path.join(folder, 'roomy'), SMALL, 'float32');
    const run = path.join(disk, 'run');
    const first = start([...SMALL.args, '--precision', 'float32', '--run', run]);
    const code = await first.ended;
    const message = first.text().match(/^error: .*$/m)?.[0] ?? first.text().trim();
    const kept = readCheckpoint(path.join(run, 'checkpoints'), trainState);
    mount('remount,size=2g');
    const second = start(['--resume', '--run', run]);
    const ended = await second.ended;
    const same = hashIn(second.text()) === want.hash;
    const ok = code === 1 && /ENOSPC/.test(message) && kept !== undefined && ended === 0 && same;
    const shown = message.replaceAll(`${disk}/`, '');
    return {
      what,
      ok,
      found: `“${shown}”; resumed with room: ${same ? 'the same hash' : second.text()}`,
    };
  } finally {
    spawnSync('umount', [disk]);
  }
}

async function damagedFiles(
  folder: string,
  files: number,
  seed: number,
  onProgress: ProgressListener,
): Promise<Result[]> {
  if (files === 0) return [];
  const started = performance.now();
  const rows = await fuzz(path.join(folder, 'fuzz'), files, seed, (done) => {
    if (done % 100 === 0) {
      const seconds = (performance.now() - started) / 1000;
      onProgress({ label: 'Damaged files', done, total: files, unit: 'file', seconds });
    }
  });
  return rows.map((row) => ({
    what: `damaged: ${row.kind}`,
    ok: row.failures.length === 0,
    found:
      row.failures.length > 0
        ? row.failures.slice(0, 3).join('; ')
        : `${row.files} files: ${row.refused} refused, ${row.accepted} read; at most ${row.slowestSeconds.toFixed(2)} s and ${Math.max(0, row.largestMiB).toFixed(0)} MiB`,
  }));
}

/** 500 steps, 50 evaluations, 20 rounds of saving and loading, in this process. */
async function memory(folder: string, onProgress: ProgressListener): Promise<Result> {
  const layers: LayerSpec[] = [
    { kind: 'conv', name: 'conv1', filters: 32, kernel: 11, stride: 4, padding: 2 },
    { kind: 'maxPool', name: 'pool1', kernel: 3, stride: 2 },
    { kind: 'flatten', name: 'flatten' },
    { kind: 'dropout', name: 'dropout' },
    { kind: 'dense', name: 'fc', units: 0, relu: false },
  ];
  const set = slice(loadDataset('test'), 0, 64);
  const model = alexnet({ inputSize: 99, layers });
  const training = newTraining(model);
  const indices = Uint32Array.from({ length: 64 }, (_, i) => i);
  const tasks: [number, () => Promise<unknown>][] = [
    [500, async () => trainStep(training, set, [indices])],
    [50, () => evaluate(model, set)],
    [
      20,
      async () => {
        await saveModel(model, path.join(folder, 'saved'));
        (await loadModel(path.join(folder, 'saved'))).dispose();
      },
    ],
  ];
  const found: string[] = [];
  let ok = true;
  const started = performance.now();
  let done = 0;
  for (const [rounds, task] of tasks) {
    // What is made once; and the allocator needs some dozen steps to find the memory that it goes round in.
    for (let i = 0; i < rounds / 5; i++) await task();
    const tensors = tf.memory().numTensors;
    let early = 0;
    for (let i = 0; i < rounds; i++) {
      await task();
      if (i === Math.ceil(rounds / 10)) early = resident();
      onProgress({
        label: 'Memory',
        done: ++done,
        total: 570,
        unit: 'round',
        seconds: (performance.now() - started) / 1000,
      });
    }
    const growth = resident() / early - 1;
    const held = tf.memory().numTensors - tensors;
    ok &&= held === 0 && growth < 0.02;
    found.push(`${rounds}: ${held} tensors, ${(100 * growth).toFixed(1)}% memory`);
  }
  training.optimizer.dispose();
  model.dispose();
  return { what: 'steps, evaluations, save and load: what is kept', ok, found: found.join('; ') };
}

/** After a garbage collection, so that it is what is kept and not what lies about. */
function resident(): number {
  v8.setFlagsFromString('--expose-gc');
  const collect = vm.runInNewContext('gc') as () => void;
  collect();
  return process.memoryUsage.rss();
}

run(program);
