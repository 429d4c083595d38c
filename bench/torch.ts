/** Installs PyTorch and finds its fastest configuration on this machine. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { InputError, messageOf } from '../src/errors';
import type { Precision } from '../src/tf/index';
import { root } from '../test/support/command';
import { type Contender, type Sizes, startTorch } from './contender';
import { measure } from './measure';

/** The fastest kind of PyTorch worker in each precision that works here. */
export type TunedTorch = Partial<Record<Precision, string>>;

const TORCH = 'torch==2.13.0';

/** A Python with PyTorch in its own environment. If it cannot be installed, says why and returns undefined. */
export function torchPython(say: (line: string) => void): string | undefined {
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
 * Finds the fastest configuration in float32 and in `low`. This one is left out if a step takes more than 8 times as
 * long as in float32: the processor has no instructions for it.
 */
export async function fastestTorch(
  python: string,
  sizes: Sizes,
  low: Precision,
  say: (line: string) => void,
): Promise<TunedTorch> {
  say('Finding the fastest PyTorch configuration:');
  const float32 = await fastestKind('float32', python, sizes, 600, say);
  if (!float32) throw new InputError('PyTorch is installed but cannot run a step');
  const lower = await fastestKind(low, python, sizes, 8 * float32.seconds, say);
  return { float32: float32.kind, [low]: lower?.kind };
}

/**
 * Eager or compiled, whichever is faster when they take turns. Returns undefined if neither works, or if a step takes
 * more than `limitSeconds`.
 */
async function fastestKind(
  precision: Precision,
  python: string,
  sizes: Sizes,
  limitSeconds: number,
  say: (line: string) => void,
): Promise<{ kind: string; seconds: number } | undefined> {
  const working: Contender[] = [];
  try {
    for (const kind of [precision, `${precision}-compiled`]) {
      let contender: Contender | undefined;
      try {
        contender = await startTorch(python, kind, sizes);
        // The first compiled step includes the compilation.
        const first = contender.ask('step');
        await (kind === precision ? within(limitSeconds, first) : first);
        working.push(contender);
      } catch (error) {
        say(`  PyTorch ${kind}: left out, ${messageOf(error)}`);
        contender?.stop();
        if (error instanceof TooSlow) break;
      }
    }
    const measured = await measure(working, 'step', 5, 2);
    const found = working.map(({ name }) => ({
      kind: name,
      seconds: measured.get(name)!.medianSeconds,
    }));
    for (const { kind, seconds } of found) {
      say(`  PyTorch ${kind}: ${seconds.toFixed(3)} s per step`);
    }
    return found.sort((a, b) => a.seconds - b.seconds)[0];
  } finally {
    for (const contender of working) contender.stop();
  }
}

class TooSlow extends Error {}

function within<T>(seconds: number, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout;
  const late = new Promise<never>((_, reject) => {
    const error = new TooSlow(`a step takes more than ${seconds.toFixed(0)} s`);
    timer = setTimeout(() => reject(error), 1000 * seconds);
  });
  promise.catch(() => {}); // rejected when the contender is stopped
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
