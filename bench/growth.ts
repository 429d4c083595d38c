import path from 'node:path';
import type { Precision } from '../src/tf/index';
import { root, type Sizes, startOurs } from './contender';
import { type GrowthPoint, growthFigure, writeFigurePage } from './figure';
import { measure } from './measure';
import { machine, markdownTable, type Report } from './report';

/** Times our steps at several batch and input sizes. Writes the figure to build/bench/growth.html. */
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
  const page = path.join(root, 'build', 'bench', 'growth.html');
  writeFigurePage(page, growthFigure(points));
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
    json: { machine: machine(sizes), precision, points },
    text: `\n${table}\n\nFigure: ${path.relative(root, page)}`,
  };
}
