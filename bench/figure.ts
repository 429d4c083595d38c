import fs from 'node:fs';
import path from 'node:path';
import { replaceFile } from '../src/files';
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

/** A page with one figure. Plotly is inlined, so it works offline. */
export function writeFigurePage(file: string, figure: Figure): void {
  const plotly = fs
    .readFileSync(require.resolve('plotly.js-dist/plotly.js'), 'utf8')
    .replaceAll('</script', '<\\/script');
  const json = JSON.stringify(figure).replaceAll('</', '<\\/');
  fs.mkdirSync(path.dirname(file), { recursive: true });
  replaceFile(
    file,
    `<!doctype html><meta charset="utf-8"><title>Benchmark</title><div id="figure"></div>` +
      `<script>${plotly}</script><script>const figure = ${json};` +
      `Plotly.newPlot('figure', figure.data, figure.layout, {responsive: true});</script>\n`,
  );
}
