import { type ChildProcess, spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { cli, expectOneLineError, programFile, root } from '../support/command';
import { temporaryFolder } from '../support/idx';

const temporary = temporaryFolder();
const settings = [
  ...['--train-images', '80', '--validation-images', '8', '--epochs', '1', '--batch-size', '8'],
  ...['--input-size', '63', '--lr', '0.0005', '--checkpoint-steps', '2'],
];
const hashIn = (text: string) => text.match(/^weights sha256: ([0-9a-f]{64})$/m)?.[1];

/** Runs the training command without the launcher, so that signals reach it directly. */
function start(...args: string[]): { child: ChildProcess; ended: Promise<number | null> } {
  const child = spawn(process.execPath, [...programFile(), 'train', ...args], { cwd: root });
  child.stdout.resume();
  child.stderr.resume();
  return { child, ended: new Promise((resolve) => child.on('close', resolve)) };
}

/** The step of the newest complete checkpoint, or 0. */
function newest(run: string): number {
  const folder = path.join(run, 'checkpoints');
  const names = fs.existsSync(folder) ? fs.readdirSync(folder) : [];
  return Math.max(
    0,
    ...names.filter((name) => name.endsWith('.sha256')).map((name) => Number(name.slice(5, 13))),
  );
}

/** Waits until the process has written a checkpoint at the given step or later. */
async function untilCheckpoint(child: ChildProcess, run: string, step: number): Promise<void> {
  while (newest(run) < step) {
    if (child.exitCode !== null) throw new Error(`the run ended before step ${step}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

test('a run that was killed and then stopped ends with the same weights; no other process can train in its folder', async () => {
  const whole = await cli('train', ...settings, '--run', path.join(temporary, 'whole'));
  const run = path.join(temporary, 'run');
  const killed = start(...settings, '--run', run);
  await untilCheckpoint(killed.child, run, 2);
  killed.child.kill('SIGSTOP'); // so that it cannot finish first
  expectOneLineError(
    await cli('train', '--resume', '--run', run),
    new RegExp(`run: process ${killed.child.pid} is training there now`),
  );
  killed.child.kill('SIGKILL');
  await killed.ended;

  const stopped = start('--resume', '--run', run, '--checkpoint-steps', '2');
  await untilCheckpoint(stopped.child, run, newest(run) + 1); // by then it handles signals
  stopped.child.kill('SIGTERM');
  expect(await stopped.ended).toBe(130);

  expectOneLineError(
    await cli('train', '--resume', '--run', run, '--lr', '0.1'),
    /was started with other settings: learningRate 0\.0005 → 0\.1\. To change them on purpose/,
  );
  const { code, stdout } = await cli('train', '--resume', '--run', run);
  expect(code).toBe(0);
  expect(stdout).toMatch(/Continuing .*run after step \d+, in epoch 1/);
  expect(hashIn(stdout)).toBe(hashIn(whole.stdout));
  expect(fs.existsSync(path.join(run, 'checkpoints'))).toBe(false);
  const steps = (name: string) => fs.readFileSync(path.join(temporary, name, 'steps.json'), 'utf8');
  expect(steps('run')).toBe(steps('whole'));
}, 300_000);

test('--resume needs an unfinished run', async () => {
  expectOneLineError(
    await cli('train', '--resume', '--run', path.join(temporary, 'nothing')),
    /nothing: no unfinished run there: nothing to continue/,
  );
  expectOneLineError(
    await cli('train', '--change', 'epochs', '--run', path.join(temporary, 'nothing')),
    /--change needs --resume/,
  );
  expect(fs.existsSync(path.join(temporary, 'nothing'))).toBe(false);
}, 120_000);
