import type { Figure } from '../src/viz/index';

export interface GrowthPoint {
  batchSize: number;
  inputSize: number;
  seconds: number;
}

/** Images per second over batch size (at 227×227) and over input size (batches of 128). */
export function growthFigure(points: GrowthPoint[]): Figure {
  const trace = (chosen: GrowthPoint[], x: number[], name: string, axis: string) => ({
    type: 'scatter',
    mode: 'lines+markers',
    name,
    x,
    y: chosen.map(({ batchSize, seconds }) => batchSize / seconds),
    xaxis: `x${axis}`,
    yaxis: `y${axis}`,
  });
  const byBatch = points.filter(({ inputSize }) => inputSize === 227);
  const byInput = points
    .filter(({ batchSize }) => batchSize === 128)
    .sort((a, b) => a.inputSize - b.inputSize);
  const batchSizes = byBatch.map(({ batchSize }) => batchSize);
  const inputSizes = byInput.map(({ inputSize }) => inputSize);
  return {
    data: [
      trace(byBatch, batchSizes, '227×227', ''),
      trace(byInput, inputSizes, 'batches of 128', '2'),
    ],
    layout: {
      title: { text: 'Speed of a training step' },
      grid: { rows: 1, columns: 2, pattern: 'independent' },
      xaxis: { title: { text: 'Batch size (images)' }, type: 'log' },
      xaxis2: { title: { text: 'Input size (pixels)' } },
      yaxis: { title: { text: 'Images per second' } },
      yaxis2: { title: { text: 'Images per second' } },
      height: 420,
    },
  };
}
