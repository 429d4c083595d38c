import fs from 'node:fs';
import path from 'node:path';
import type { ProgressListener } from '../../src/progress';
import type { Result } from './result';
import { hashIn, historyOf, startTraining, TWO, undisturbed, workerPid } from './training';

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
  const started = performance.now();
  const wrong: string[] = [];
  const slowest = { SIGKILL: 0, SIGSTOP: 0 };
  let done = 0;
  for (let attempt = 0; done < rounds && attempt < 3 * rounds; attempt++) {
    const run = path.join(folder, `round ${attempt}`);
    const args = [...TWO.args, '--precision', 'float32', '--run', run];
    const training = startTraining(args);
    while (!/run folder/.test(training.text()) && training.child.exitCode === null) await wait(10);
    await wait(500 * want.seconds * random());
    const index = Math.floor(2 * random());
    const signal = random() < 0.5 ? 'SIGKILL' : 'SIGSTOP';
    const pid = workerPid(training.child.pid!, index);
    const at = performance.now();
    if (pid !== undefined) process.kill(pid, signal);
    const code = await training.ended;
    const seconds = (performance.now() - at) / 1000;
    if (code === 0) {
      fs.rmSync(run, { recursive: true, force: true });
      continue; // it was over before
    }
    slowest[signal] = Math.max(slowest[signal], seconds);
    const errors = training.text().match(/^error: .*$/gm) ?? [];
    const problem = (text: string) => wrong.push(`${signal} of worker ${index}: ${text}`);
    if (seconds > LIMIT_SECONDS) problem(`${seconds.toFixed(1)} s`);
    if (errors.length !== 1 || !errors[0].includes(`worker ${index} `)) problem(errors.join(' | '));
    const resumed = startTraining(['--resume', '--run', run, '--workers', '2']);
    await resumed.ended;
    if (hashIn(resumed.text()) !== want.hash) problem('resumed: another hash');
    else if (historyOf(run) !== want.history) problem('resumed: another history');
    fs.rmSync(run, { recursive: true, force: true });
    onProgress({
      ...{ label: what, done: ++done, total: rounds, unit: 'round' },
      seconds: (performance.now() - started) / 1000,
    });
  }
  const found =
    `${done} rounds; at most ${slowest.SIGKILL.toFixed(1)} s after SIGKILL and ` +
    `${slowest.SIGSTOP.toFixed(1)} s after SIGSTOP; each resumed to ${want.hash.slice(0, 12)}…`;
  return { what, ok: wrong.length === 0, found: wrong.length === 0 ? found : wrong.join('; ') };
}

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
