/** Training that is killed, frozen or runs out of disk. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { type ProgressListener, progressOf } from '../../src/progress';
import { readCheckpoint, trainState } from '../../src/runs/index';
import type { Result } from './torture';
import {
  type Case,
  difference,
  SMALL,
  startTraining,
  TWO,
  undisturbed,
  workerPid,
} from './training';

/**
 * Kills a run at random moments and resumes it until it ends, then starts another, `rounds` kills in all. Each run
 * must give the weights and the history of an undisturbed one.
 */
export async function kills(
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
  const progress = progressOf({ label: what, total: rounds, unit: 'kill' }, onProgress);
  const wrong: string[] = [];
  let [killed, ended, inWriting] = [0, 0, 0];
  for (let attempt = 0, isNew = true; killed < rounds || !isNew; attempt++) {
    const run = place(String(ended));
    // A run that was killed right after its start leaves nothing to resume.
    const resumes = !isNew && fs.existsSync(path.join(run, 'checkpoints', 'run.json'));
    if (!resumes) fs.rmSync(run, { recursive: true, force: true });
    const training = startTraining(
      resumes
        ? ['--resume', '--run', run, '--checkpoint-steps', '2']
        : [...testCase.args, '--precision', precision, '--run', run],
    );
    const delay = 1000 * want.seconds * (0.15 + 0.85 * random());
    const timer =
      killed < rounds ? setTimeout(() => training.child.kill('SIGKILL'), delay) : undefined;
    const code = await training.ended;
    clearTimeout(timer);
    isNew = code !== null;
    if (isNew) {
      ended++;
      const problem = difference(run, training.text(), want);
      if (problem) wrong.push(`run ${ended}: ${problem}`);
      fs.rmSync(run, { recursive: true, force: true });
    } else {
      progress(++killed);
      if (isWriting(run)) inWriting++;
    }
    if (wrong.length > 3 || attempt > 20 * rounds) break;
  }
  fs.rmSync(place('whole'), { recursive: true, force: true });
  const found = `${killed} kills (${inWriting} while a checkpoint was written) in ${ended} runs, each ended with ${want.hash.slice(0, 12)}…`;
  return { what, ok: wrong.length === 0, found: wrong.join('; ') || found };
}

function isWriting(run: string): boolean {
  const folder = path.join(run, 'checkpoints');
  return fs.existsSync(folder) && fs.readdirSync(folder).some((name) => name.endsWith('.tmp'));
}

/** All workers must have ended after this time. */
const LIMIT_SECONDS = 10;

/**
 * Trains with two workers, and kills or freezes one of them in mid-training, `rounds` times. Both must end within ten
 * seconds with one sentence that names it, and the resumed run must give the weights and the history of an undisturbed
 * one.
 */
export async function lostWorkers(
  folder: string,
  rounds: number,
  random: () => number,
  onProgress: ProgressListener,
): Promise<Result> {
  const what = 'one of two workers is killed or frozen';
  if (rounds === 0) return { what, ok: true, found: 'left out' };
  const want = await undisturbed(path.join(folder, 'whole'), TWO, 'float32');
  const progress = progressOf({ label: what, total: rounds, unit: 'round' }, onProgress);
  const wrong: string[] = [];
  const slowest = { SIGKILL: 0, SIGSTOP: 0 };
  let done = 0;
  for (let attempt = 0; done < rounds && attempt < 3 * rounds; attempt++) {
    const run = path.join(folder, `round ${attempt}`);
    const training = startTraining([...TWO.args, '--precision', 'float32', '--run', run]);
    while (!/run folder/.test(training.text()) && training.child.exitCode === null) await wait(10);
    await wait(500 * want.seconds * random());
    const index = Math.floor(2 * random());
    const signal = random() < 0.5 ? 'SIGKILL' : 'SIGSTOP';
    const pid = workerPid(training.child.pid!, index);
    const started = performance.now();
    if (pid !== undefined) process.kill(pid, signal);
    const code = await training.ended;
    const seconds = (performance.now() - started) / 1000;
    if (code !== 0) {
      slowest[signal] = Math.max(slowest[signal], seconds);
      const problem = (text: string) => wrong.push(`${signal} of worker ${index}: ${text}`);
      if (seconds > LIMIT_SECONDS) problem(`${seconds.toFixed(1)} s`);
      const errors = training.text().match(/^error: .*$/gm) ?? [];
      const isNamed = errors.length === 1 && errors[0].includes(`worker ${index} `);
      if (!isNamed) problem(errors.join(' | '));
      const resumed = startTraining(['--resume', '--run', run, '--workers', '2']);
      await resumed.ended;
      const other = difference(run, resumed.text(), want);
      if (other) problem(`resumed: ${other}`);
      progress(++done);
    } // else it was over before
    fs.rmSync(run, { recursive: true, force: true });
  }
  const found =
    `${done} rounds; at most ${slowest.SIGKILL.toFixed(1)} s after SIGKILL and ` +
    `${slowest.SIGSTOP.toFixed(1)} s after SIGSTOP; each resumed to ${want.hash.slice(0, 12)}…`;
  return { what, ok: wrong.length === 0, found: wrong.join('; ') || found };
}

/** Fills a small file system while a checkpoint is written, then makes room and resumes the run. */
export async function fullDisk(folder: string): Promise<Result> {
  const what = 'disk full while a checkpoint is written';
  const disk = path.join(folder, 'disk');
  fs.mkdirSync(disk);
  const mount = (options: string) =>
    spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', disk]).status === 0;
  // There is room for one checkpoint but not for two.
  if (!mount('size=400m')) return { what, ok: true, found: 'left out: no right to mount a tmpfs' };
  try {
    const want = await undisturbed(path.join(folder, 'roomy'), SMALL, 'float32');
    const run = path.join(disk, 'run');
    const first = startTraining([...SMALL.args, '--precision', 'float32', '--run', run]);
    const code = await first.ended;
    const message = first.text().match(/^error: .*$/m)?.[0] ?? first.text().trim();
    const kept = readCheckpoint(path.join(run, 'checkpoints'), trainState);
    mount('remount,size=2g');
    const second = startTraining(['--resume', '--run', run]);
    await second.ended;
    const problem = difference(run, second.text(), want);
    const ok = code === 1 && /ENOSPC/.test(message) && kept !== undefined && !problem;
    const shown = message.replaceAll(`${disk}/`, '');
    return { what, ok, found: `“${shown}”; resumed with room: ${problem ?? 'the same hash'}` };
  } finally {
    spawnSync('umount', [disk]);
  }
}
