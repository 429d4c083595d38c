/** Measurements of single ops. */
import type { Precision } from '../src/tf/index';
import { type Sizes, startOurs } from './contender';
import { machine, markdownTable, type Report } from './report';
import type { OpRow } from './workers/ops';
import type { ProfileRow } from './workers/profile';

/** The ops of one of our steps, by time. */
export async function profileStep(sizes: Sizes, precision: Precision): Promise<Report> {
  const ours = await startOurs(sizes, precision);
  for (let i = 0; i < 14; i++) await ours.ask('step');
  const { value, seconds } = await ours.ask('profile');
  ours.stop();
  const ops = value as ProfileRow[];
  const inOps = ops.reduce((sum, { milliseconds }) => sum + milliseconds, 0);
  const rows = ops
    .filter(({ milliseconds }) => milliseconds >= 0.5)
    .map(({ op, milliseconds, calls }) => [op, milliseconds.toFixed(1), calls]);
  return {
    name: 'profile',
    json: { precision, seconds, ops },
    text:
      `One step in ${precision}: ${(1000 * seconds).toFixed(0)} ms, of which TensorFlow's ops take ${inOps.toFixed(0)} ms\n\n` +
      markdownTable(['op and output', 'ms', 'calls'], rows),
  };
}

/** The ops of a step: TensorFlow's own compared with oneDNN's. */
export async function compareOps(sizes: Sizes): Promise<Report> {
  // Otherwise TensorFlow may replace its own ops with oneDNN's.
  const env = { TF_ENABLE_ONEDNN_OPTS: '0' };
  const ours = await startOurs(sizes, 'float32', { env });
  const rows = (await ours.ask('ops')).value as OpRow[];
  ours.stop();
  return {
    name: 'ops',
    json: { machine: machine(sizes), rows },
    text: markdownTable(
      ['op', 'own (ms)', 'oneDNN (ms)', 'own (GFLOP/s)', 'oneDNN (GFLOP/s)'],
      rows.map(({ op, gigaFlops, own, oneDnn }) => {
        const rate = (ms: number) => (gigaFlops / (ms / 1000)).toFixed(0);
        const twin = oneDnn === null ? ['none', 'none'] : [oneDnn.toFixed(1), rate(oneDnn)];
        return [op, own.toFixed(1), twin[0], rate(own), twin[1]];
      }),
    ),
  };
}
