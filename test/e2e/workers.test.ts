import { type ChildProcess, spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { workerPid } from '../../bench/torture/training';
import { isAlive } from '../../src/files';
import { freePorts } from '../../src/workers/index';
import {
  cli,
  expectOneLineError,
  inParallel,
  programFile,
  type Result,
  root,
  spawnCli,
} from '../support/command';
import { temporaryFolder } from '../support/idx';
import { maxDifference } from '../support/tensors';

const temporary = temporaryFolder();
const place = (name: string) => path.join(temporary, name);
const settings = [
  ...['--train-images', '80', '--validation-images', '9', '--epochs', '3', '--batch-size', '16'],
  ...['--network', 'alexnet-small', '--lr', '0.0005', '--precision', 'float32'],
];
const losses = (run: string): number[] =>
  JSON.parse(fs.readFileSync(path.join(place(run), 'steps.json'), 'utf8')).map(
    ({ loss }: { loss: number }) => loss,
  );
const hashIn = (text: string) => text.match(/^weights sha256: ([0-9a-f]{64})$/m)?.[1];

interface Running {
  child: ChildProcess;
  text: () => string;
  ended: Promise<number | null>;
}

/** Starts the training command without the launcher of npm, so that signals reach it directly. */
function start(...args: string[]): Running {
  return startWith({}, args);
}

function startWith(env: NodeJS.ProcessEnv, args: string[]): Running {
  const child = spawn(process.execPath, [...programFile(), 'train', ...args], {
    cwd: root,
    env: { ...process.env, TF_CPP_MIN_LOG_LEVEL: '2', ...env },
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      text += chunk;
    });
  }
  return { child, text: () => text, ended: new Promise((resolve) => child.on('close', resolve)) };
}

async function until(condition: () => boolean, running: Running): Promise<void> {
  while (!condition()) {
    if (running.child.exitCode !== null) throw new Error(`it ended: ${running.text()}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const hasCheckpoint = (run: string) => () =>
  fs.existsSync(path.join(run, 'checkpoints')) &&
  fs.readdirSync(path.join(run, 'checkpoints')).some((name) => name.endsWith('.sha256'));

const errors = (text: string) => text.split('\n').filter((line) => line.startsWith('error: '));

/** An undisturbed run of two workers. */
let two: Result;

test('two workers train like one process', async () => {
  const [one, both] = await inParallel(
    [
      ['--run', place('one')],
      ['--run', place('two'), '--workers', '2'],
    ],
    (args) => spawnCli('train', ...settings, ...args),
  );
  two = both;
  expect([one.code, both.code, both.stderr]).toEqual([0, 0, '']);
  expect(both.stdout.match(/Epoch 3\/3: loss/g)).toHaveLength(1);
  expect(losses('one')).toHaveLength(15);
  expect(maxDifference(losses('one'), losses('two'))).toBeLessThan(1e-4);
}, 180_000);

test('--restarts starts again by itself and ends with the same weights', async () => {
  const run = place('again');
  const args = ['--run', run, '--workers', '2', '--checkpoint-steps', '2', '--restarts', '1'];
  const running = start(...settings, ...args);
  await until(hasCheckpoint(run), running);
  process.kill(workerPid(running.child.pid!, 1)!, 'SIGKILL');
  expect(await running.ended).toBe(0);
  expect(running.text()).toMatch(/^worker 1 was ended by SIGKILL.* Starting again: 1 of 1$/m);
  expect(running.text()).toMatch(/Continuing .* after step \d+/);
  expect(hashIn(running.text())).toBe(hashIn(two.stdout));
}, 180_000);

test('stopped with two workers, continued with one; two that differ do not start', async () => {
  const run = place('stopped');
  const [a, b] = (await freePorts(2)).map((port) => `127.0.0.1:${port}`);
  const cluster = place('cluster.json');
  fs.writeFileSync(cluster, JSON.stringify({ workers: [a, b] }));
  const byHand = (index: number, ...args: string[]) =>
    start(...settings, ...args, '--cluster-file', cluster, '--worker', String(index));

  const odd = [byHand(0, '--run', run), byHand(1, '--run', run, '--lr', '0.1')];
  expect(await Promise.all(odd.map(({ ended }) => ended))).toEqual([1, 1]);
  for (const { text } of odd) {
    expect(errors(text())).toEqual([
      `error: worker 1 (${b}) has another learningRate than worker 0: 0.1, not 0.0005. Start all workers with the same code, data and options`,
    ]);
  }
  expect(fs.existsSync(path.join(run, 'checkpoints'))).toBe(false);

  const pair = [byHand(0, '--run', run), byHand(1, '--run', place('unused'))];
  await until(() => /Epoch 1\/3: loss/.test(pair[0].text()), pair[0]);
  pair[1].child.kill('SIGTERM'); // stops both
  expect(await Promise.all(pair.map(({ ended }) => ended))).toEqual([130, 130]);
  expect(fs.existsSync(place('unused'))).toBe(false);
  const { code } = await cli('train', '--resume', '--run', run);
  expect(code).toBe(0);
  expect(maxDifference(losses('stopped'), losses('one'))).toBeLessThan(1e-4);
}, 180_000);

test('--workers gpus starts one for each GPU that nvidia-smi lists; gradients may travel in bfloat16', async () => {
  const bin = place('bin');
  fs.mkdirSync(bin);
  const list = 'GPU 0: NVIDIA H100 (UUID: GPU-a)\nGPU 1: NVIDIA H100 (UUID: GPU-b)';
  fs.writeFileSync(path.join(bin, 'nvidia-smi'), `#!/bin/sh\necho '${list}'\n`, { mode: 0o755 });
  const PATH = `${bin}:${process.env.PATH}`;
  const args = [
    ...[...settings, '--epochs', '1', '--run', place('gpus')],
    ...['--workers', 'gpus', '--gradient-precision', 'bfloat16'],
  ];
  const running = startWith({ PATH, CUDA_VISIBLE_DEVICES: undefined }, args);
  await until(() => /worker 0 of 2/.test(running.text()), running);
  const devices = [0, 1].map((index) => {
    const environment = `/proc/${workerPid(running.child.pid!, index)}/environ`;
    return fs.readFileSync(environment, 'utf8').match(/CUDA_VISIBLE_DEVICES=([^\0]*)/)?.[1];
  });
  expect(devices).toEqual(['0', '1']);
  expect(await running.ended).toBe(0);
  const first = losses('one').slice(0, 5); // of the first epoch
  expect(maxDifference(losses('gpus'), first)).toBeLessThan(1e-2);
  expect(losses('gpus')).not.toEqual(losses('two').slice(0, 5));
}, 180_000);

test('if the process that started them is killed, the workers end', async () => {
  const run = place('orphans');
  const running = start(...settings, '--epochs', '1000', '--run', run, '--workers', '2');
  await until(() => /Epoch 1\/1000: loss/.test(running.text()), running);
  const workers = [0, 1].map((index) => workerPid(running.child.pid!, index)!);
  running.child.kill('SIGKILL');
  await running.ended;
  for (const pid of workers) {
    while (isAlive(pid)) await new Promise((resolve) => setTimeout(resolve, 50));
  }
}, 180_000);

test('what it refuses, in one sentence', async () => {
  const cases: [string[], RegExp][] = [
    [['--workers', '17'], /17 workers for batches of 16 images: each worker needs at least one/],
    [['--worker', '0'], /--worker needs --cluster/],
    [
      ['--worker', '2', '--cluster', 'a:1,b:1'],
      /worker 2: the cluster has 2 workers, numbered from 0/,
    ],
    [
      ['--worker', '0', '--cluster', '127.0.0.1:1,8.8.8.8:1'],
      /8\.8\.8\.8 is not an address of a private network.* pass --trust-network/,
    ],
  ];
  await inParallel(cases, async ([args, message]) => {
    expectOneLineError(await cli('train', ...settings, '--run', place('no'), ...args), message);
  });
  const [a, b] = (await freePorts(2)).map((port) => `127.0.0.1:${port}`);
  const late = ['--worker', '0', '--cluster', `${a},${b}`, '--wait', '1'];
  expectOneLineError(
    await cli('train', ...settings, '--run', place('no'), ...late),
    new RegExp(`worker 1 \\(${b}\\) cannot be reached after 1 seconds: no program listens there`),
  );
  expect(fs.existsSync(place('no'))).toBe(false);
}, 180_000);

describe.each([
  // `npm run bench -- torture` has the other two.
  ['SIGKILL', 1],
  ['SIGSTOP', 0],
] as const)('%s of worker %i', (signal, index) => {
  test('ends all within 10 seconds with one sentence, and nothing is lost', async () => {
    const run = place(`${signal}-${index}`);
    const many = [...settings, '--epochs', '1000', '--checkpoint-steps', '2', '--run', run];
    const running = start(...many, '--workers', '2');
    await until(hasCheckpoint(run), running);
    const workers = [0, 1].map((i) => workerPid(running.child.pid!, i)!);
    const started = performance.now();
    process.kill(workers[index], signal);
    expect(await running.ended).toBe(1);
    const seconds = (performance.now() - started) / 1000;
    expect(seconds).toBeLessThan(10);
    const [error, ...more] = errors(running.text());
    expect(more).toEqual([]);
    expect(error).toMatch(
      signal === 'SIGKILL'
        ? new RegExp(`^error: worker ${index} was ended by SIGKILL`)
        : new RegExp(`^error: worker ${index} .*has not answered for 5 seconds`),
    );
    expect(error).toMatch(/To continue: the same command with --resume$/);
    expect(workers.map(isAlive)).toEqual([false, false]);
    expect(running.text()).not.toMatch(/ at |TF_Status/);
    const resumed = start('--resume', '--run', run, '--checkpoint-steps', '2');
    await until(() => /Continuing .* after step \d+/.test(resumed.text()), resumed);
    resumed.child.kill('SIGKILL');
    await resumed.ended;
  }, 180_000);
});
