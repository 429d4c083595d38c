import fs from 'node:fs';
import path from 'node:path';
import type { ProgressListener } from '../../src/progress';
import type { Result } from './result';
import { type Case, hashIn, historyOf, startTraining, undisturbed } from './training';

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
  const started = performance.now();
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
    isNew = false;
    const delay = 1000 * want.seconds * (0.15 + 0.85 * random());
    const timer =
      killed < rounds ? setTimeout(() => training.child.kill('SIGKILL'), delay) : undefined;
    const code = await training.ended;
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
    isNew = true;
    if (code !== 0) wrong.push(`exit ${code}: ${training.text().trim().split('\n').pop()}`);
    else if (hashIn(training.text()) !== want.hash) wrong.push(`run ${ended}: another hash`);
    else if (historyOf(run) !== want.history) wrong.push(`run ${ended}: another history`);
    fs.rmSync(run, { recursive: true, force: true });
    if (wrong.length > 3 || attempt > 20 * rounds) break;
  }
  fs.rmSync(place('whole'), { recursive: true, force: true });
  const found = `${killed} kills (${inWriting} while a checkpoint was written) in ${ended} runs, each ended with ${want.hash.slice(0, 12)}…`;
  return { what, ok: wrong.length === 0, found: wrong.length === 0 ? found : wrong.join('; ') };
}

function isWriting(run: string): boolean {
  const folder = path.join(run, 'checkpoints');
  return fs.existsSync(folder) && fs.readdirSync(folder).some((name) => name.endsWith('.tmp'));
}
