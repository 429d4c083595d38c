import type { Precision } from '../src/tf/index';
import { type Sizes, startOurs } from './contender';
import { type GrowthPoint, growthFigure } from './figure';
import { measure } from './measure';
import { machine, markdownTable, type Report } from './report';

/** Times our steps at several batch and input sizes. */
export async function measureGrowth(
  sizes: Sizes,
  precision: Precision,
  say: (line: string) => void,
): Promise<Report> {
  const points: (GrowthPoint & { peakRssMiB: number })[] = [];
  for (const size of [
    ...[1, 2, 4, 8, 16, 32, 64, 128, 256, 512].map((batchSize) => ({ batchSize, inputSize: 227 })),
    ...[64, 96, 128, 160, 192].map((inputSize) => ({ batchSize: 128, inputSize })),
  ]) {
    const ours = await startOurs({ ...sizes, ...size }, precision);
    const { medianSeconds, peakRssMiB } = (await measure([ours], 'step', 5, 2)).get(ours.name)!;
    ours.stop();
    points.push({ ...size, seconds: medianSeconds, peakRssMiB });
    say(`  batch ${size.batchSize}, input ${size.inputSize}: ${medianSeconds.toFixed(3)} s`);
  }
  const table = markdownTable(
    ['batch', 'input', 'step (s)', 'images/s', 'peak memory (MiB)'],
    points.map(({ batchSize, inputSize, seconds, peakRssMiB }) => [
      batchSize,
      inputSize,
      seconds.toFixed(3),
      (batchSize / seconds).toFixed(0),
      peakRssMiB.toFixed(0),
    ]),
  );
  return {
    name: 'growth',
    json: { machine: machine(sizes), precision, points },
    text: table,
    figure: growthFigure(points),
  };
}
