import {
  confusionFigure,
  epochCurves,
  lossComparison,
  smooth,
  stepCurves,
} from '../../src/viz/index';

const epoch = (n: number, val: number | null) => ({
  epoch: n,
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

test('without validation there is no such curve', () => {
  expect(epochCurves([epoch(1, null)]).data.map((t) => t.name)).toEqual(['Train', 'Train']);
});

test('step curves keep every update and smooth it', () => {
  const { data } = stepCurves(
    [1, 2, 3].map((step) => ({ step, learningRate: 1, loss: 4, accuracy: 0.5 })),
  );
  expect(data.map((t) => t.y)).toEqual([
    [4, 4, 4],
    [50, 50, 50],
    [4, 4, 4].map((v) => expect.closeTo(v, 9)),
    [50, 50, 50].map((v) => expect.closeTo(v, 9)),
  ]);
});

test('smoothing is an average with its start corrected', () => {
  const [first, second] = smooth([2, 4], 0.5);
  expect(first).toBeCloseTo(2, 9);
  expect(second).toBeCloseTo((0.5 * 0.5 * 2 + 0.5 * 4) / 0.75, 9);
});

test('the confusion matrix is coloured by the share of each row and labelled by counts', () => {
  const [heatmap] = confusionFigure([
    [3, 1],
    [0, 0],
  ]).data;
  expect(heatmap.z).toEqual([
    [0.75, 0.25],
    [0, 0],
  ]);
  expect(heatmap.text).toEqual([
    ['3', '1'],
    ['0', '0'],
  ]);
});

test('figures are plain data', () => {
  const figure = epochCurves([epoch(1, 0.5)]);
  expect(JSON.parse(JSON.stringify(figure))).toEqual(figure);
});

test('loss curves side by side have a name and a number of updates each', () => {
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
