/** Installs PyTorch and finds its fastest configuration on this machine. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { InputError, messageOf } from '../src/errors';
import type { Precision } from '../src/tf/index';
import { root } from '../test/support/command';
import { type ProcessContender, type Sizes, startTorch } from './contender';
import { measure } from './measure';
import { say } from './report';

const TORCH = 'torch==2.13.0';

/** A Python with PyTorch in its own environment. If it cannot be installed, says why and returns undefined. */
export function torchPython(): string | undefined {
  const folder = path.join(root, '.venv-bench');
  const python = path.join(folder, 'bin', 'python');
  const hasTorch = () => spawnSync(python, ['-c', 'import torch']).status === 0;
  if (hasTorch()) return python;
  say(`Installing ${TORCH} into .venv-bench …`);
  const base = path.join(root, '.venv', 'bin', 'python');
  spawnSync(fs.existsSync(base) ? base : 'python3', ['-m', 'venv', folder]);
  const pip = spawnSync(python, ['-m', 'pip', 'install', '--quiet', TORCH, 'numpy'], {
    encoding: 'utf8',
  });
  if (hasTorch()) return python;
  const reason = pip.stderr?.trim().split('\n').pop() ?? 'cannot create .venv-bench';
  say(`PyTorch is left out: it cannot be installed (${reason}).`);
  return undefined;
}

/**
 * Starts PyTorch tuned in float32 and in `low`, eager or compiled, whichever is faster. `low` is left out if a step
 * takes more than 8 times as long as in float32: the processor has no instructions for it.
 */
export async function startFastest(
  python: string,
  sizes: Sizes,
  low: Precision,
): Promise<ProcessContender[]> {
  say('Finding the fastest PyTorch configuration:');
  const float32 = await startFaster(python, 'float32', sizes);
  if (!float32) throw new InputError('PyTorch is installed but cannot run a step');
  const lower = await startFaster(python, low, sizes, 8 * float32.seconds);
  return lower ? [float32.contender, lower.contender] : [float32.contender];
}

async function startFaster(
  python: string,
  precision: Precision,
  sizes: Sizes,
  limitSeconds = Number.POSITIVE_INFINITY,
) {
  const working: ProcessContender[] = [];
  for (const kind of [precision, `${precision}-compiled`]) {
    try {
      const contender = await startTorch(python, kind, sizes);
      const { seconds } = await contender.ask('step'); // if compiled, with the compilation
      if (kind === precision && seconds > limitSeconds) {
        contender.stop();
        say(`  PyTorch ${kind}: left out, a step takes ${seconds.toFixed(0)} s`);
        return undefined;
      }
      working.push(contender);
    } catch (error) {
      say(`  PyTorch ${kind}: left out, ${messageOf(error)}`);
    }
  }
  const measured = await measure(working, 'step', 5, 2);
  const found = working.map((contender, i) => ({ contender, seconds: measured[i].medianSeconds }));
  found.sort((a, b) => a.seconds - b.seconds);
  for (const { contender, seconds } of found) say(`  ${contender.name}: ${seconds.toFixed(3)} s`);
  for (const { contender } of found.slice(1)) contender.stop();
  return found.at(0);
}
