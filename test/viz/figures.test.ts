import { ALEXNET, layerTable } from '../../src/model/index';
import {
  calibrationFigure,
  classReportFigure,
  confusionFigure,
  epochCurves,
  fanFigure,
  lossComparison,
  pointsFigure,
  sharesFigure,
  smooth,
  stepCurves,
  thinned,
} from '../../src/viz/index';

const epoch = (n: number, val: number | null) => ({
  epoch: n,
  steps: 3 * n,
  trainLoss: 1 / n,
  trainAccuracy: 0.9,
  valLoss: val,
  valAccuracy: val,
  seconds: 1,
  imagesPerSecond: 1,
});

test('epoch curves: training and validation, loss and accuracy in percent', () => {
  const { data, layout } = epochCurves([epoch(1, 0.5), epoch(2, 0.25)]);
  expect(data.map((t) => [t.name, t.xaxis, t.x, t.y])).toEqual([
    ['Train', 'x', [1, 2], [1, 0.5]],
    ['Train', 'x2', [1, 2], [90, 90]],
    ['Validation', 'x', [1, 2], [0.5, 0.25]],
    ['Validation', 'x2', [1, 2], [50, 25]],
  ]);
  expect(data.filter((t) => t.showlegend).map((t) => t.name)).toEqual(['Train', 'Validation']);
  expect(layout.yaxis).toMatchObject({ title: { text: 'Loss (cross-entropy)' } });
});

test('without validation there is no validation curve', () => {
  expect(epochCurves([epoch(1, null)]).data.map((t) => t.name)).toEqual(['Train', 'Train']);
});

test('step curves show every step and a smoothed curve', () => {
  const { data } = stepCurves(
    [1, 2, 3].map((step) => ({ step, learningRate: 1, loss: 4, accuracy: 0.5 })),
  );
  expect(data.map((t) => [t.name, t.yaxis, t.y])).toEqual([
    ['Each step', 'y', [4, 4, 4]],
    ['Each step', 'y2', [50, 50, 50]],
    ['Smoothed', 'y', [4, 4, 4]],
    ['Smoothed', 'y2', [50, 50, 50]],
  ]);
});

test('step curves show validation at the end of its epoch', () => {
  const steps = [1, 2, 3].map((step) => ({ step, learningRate: 1, loss: 4, accuracy: 0.5 }));
  const { data } = stepCurves(steps, 'Both', [epoch(1, 0.25)]);
  const validation = data.filter((t) => t.name === 'Validation');
  expect(validation.map((t) => [t.x, t.y])).toEqual([
    [[3], [0.25]],
    [[3], [25]],
  ]);
});

test('a long curve is thinned but keeps its spikes', () => {
  const values = Array.from({ length: 10_000 }, (_, i) => (i === 4321 ? 9 : 1 / (i + 1)));
  const [x, y] = thinned(values);
  expect(x.length).toBeLessThanOrEqual(1000);
  expect(x).toEqual([...x].sort((a, b) => a - b));
  expect(y[x.indexOf(4322)]).toBe(9);
  expect(y[0]).toBe(1);
  expect(thinned([3, 1 / 3])).toEqual([
    [1, 2],
    [3, 0.33333],
  ]);
});

test('the title of the shares is computed from the table', () => {
  const table = layerTable(ALEXNET, { inputSize: 227, channels: 1, classes: 10 });
  const { data, layout } = sharesFigure(table);
  expect(layout.title).toEqual({
    text: '96% of the parameters are in the dense layers, 92% of the arithmetic is in the convolutions',
  });
  for (const { y } of data) expect((y as number[]).reduce((a, b) => a + b)).toBeCloseTo(1, 9);
  // fc6 has 9216 · 4096 weights and 4096 biases of 57,029,322 parameters.
  const fc6 = (data[0].x as string[]).indexOf('fc6');
  expect((data[0].y as number[])[fc6]).toBeCloseTo((9216 * 4096 + 4096) / 57_029_322, 9);
});

test('precision and recall share an axis that shows the differences', () => {
  const { data, layout } = classReportFigure([
    { label: 0, images: 4, precision: 0.98, recall: 0.93 },
    { label: 1, images: 0, precision: Number.NaN, recall: 1 },
  ]);
  expect(data.map((t) => [t.name, t.y])).toEqual([
    ['Precision', [0.98, null]],
    ['Recall', [0.93, 1]],
  ]);
  expect(layout.yaxis).toMatchObject({ range: [0.9, 1] });
});

test('calibration is drawn with the line of perfect calibration', () => {
  const { data } = calibrationFigure([{ images: 2, confidence: 0.8, accuracy: 0.5 }]);
  expect(data.map((t) => [t.x, t.y])).toEqual([
    [
      [0, 1],
      [0, 1],
    ],
    [[0.8], [0.5]],
  ]);
});

test('smoothing is a moving average with bias correction', () => {
  const [first, second] = smooth([2, 4], 0.5);
  expect(first).toBeCloseTo(2, 9);
  expect(second).toBeCloseTo((0.5 * 0.5 * 2 + 0.5 * 4) / 0.75, 9);
});

test('the confusion matrix: the diagonal by share of its class, mistakes compared with the worst', () => {
  const [diagonal, mistakes] = confusionFigure([
    [6, 2],
    [1, 0],
  ]).data;
  expect(diagonal.z).toEqual([
    [0.75, null],
    [null, 0],
  ]);
  expect(mistakes.z).toEqual([
    [null, 1],
    [0.5, null],
  ]);
  expect(diagonal.text).toEqual([
    ['6', ''],
    ['', '0'],
  ]);
});

test('a fan has one colour and one legend entry for each group', () => {
  const { data } = fanFigure(
    [
      { name: 'slow', runs: [[2], [3]] },
      { name: 'fast', runs: [[1]] },
    ],
    '',
  );
  const colors = data.map(({ line }) => (line as { color: string }).color);
  expect(colors[0]).toBe(colors[1]);
  expect(colors[2]).not.toBe(colors[0]);
  expect(data.map(({ showlegend }) => showlegend)).toEqual([true, false, true]);
  expect(data.map(({ y }) => y)).toEqual([[2], [3], [1]]);
});

test('points: one trace for each label, with the names to show on hover', () => {
  const points = [
    [0, 1],
    [2, 3],
    [4, 5],
  ] as const;
  const { data } = pointsFigure(points, [7, 1, 7], ['a', 'b', 'c'], '');
  expect(data.map(({ name, x, y, text }) => ({ name, x, y, text }))).toEqual([
    { name: '1', x: [2], y: [3], text: ['b'] },
    { name: '7', x: [0, 4], y: [1, 5], text: ['a', 'c'] },
  ]);
});

test('figures are plain data', () => {
  const figure = epochCurves([epoch(1, 0.5)]);
  expect(JSON.parse(JSON.stringify(figure))).toEqual(figure);
});

test('each loss curve has a name and its number of steps', () => {
  const { data, layout } = lossComparison(
    [
      { name: 'a', losses: [2, 1] },
      { name: 'b', losses: [3, 3, 3] },
    ],
    'Both',
  );
  expect(data.map(({ name, x, y }) => [name, x, (y as number[]).length])).toEqual([
    ['a', [1, 2], 2],
    ['b', [1, 2, 3], 3],
  ]);
  expect((data[1].y as number[]).map((v) => Math.round(v))).toEqual([3, 3, 3]);
  expect(layout.title).toEqual({ text: 'Both' });
});
