/** npm run bench -- profile: the ops of one of our steps, by time. */
import type { Command } from 'commander';
import { InputError } from '../src/errors';
import { device, fastestPrecision } from '../src/tf/index';
import { type Sizes, sizeOptions, startOurs, stopContenders } from './contender';
import { markdownTable, reports } from './report';
import type { ProfileRow } from './workers/profile';

export function configure(command: Command): void {
  reports(sizeOptions(command), profile);
}

async function profile(sizes: Sizes) {
  if (device().kind === 'GPU') {
    throw new InputError('profile times the ops of a CPU: set CUDA_VISIBLE_DEVICES=-1');
  }
  const precision = fastestPrecision();
  try {
    const ours = await startOurs(sizes, precision);
    for (let i = 0; i < 14; i++) await ours.ask('step');
    const { value, seconds } = await ours.ask('profile');
    const ops = value as ProfileRow[];
    const inOps = ops.reduce((sum, { milliseconds }) => sum + milliseconds, 0);
    const rows = ops
      .filter(({ milliseconds }) => milliseconds >= 0.5)
      .map(({ op, milliseconds, calls }) => [op, milliseconds.toFixed(1), calls]);
    const text = `One step in ${precision}: ${(1000 * seconds).toFixed(0)} ms, of which TensorFlow's ops take ${inOps.toFixed(0)} ms

${markdownTable(['op and output', 'ms', 'calls'], rows)}`;
    return { json: { ...sizes, precision, seconds, ops }, text };
  } finally {
    stopContenders();
  }
}
