import { slice } from '../../src/data/index';
import {
  calibration,
  classReports,
  confidenceInterval,
  confusionMatrix,
  evaluate,
  mistakes,
} from '../../src/evaluate/index';
import { alexnet, type LayerSpec } from '../../src/model/index';
import { predictBatch } from '../../src/predict/index';
import { tf } from '../../src/tf/index';
import { barSet } from '../support/sets';
import { expectNoLeak } from '../support/tensors';

const layers: LayerSpec[] = [
  { kind: 'flatten', name: 'flatten' },
  { kind: 'dropout', name: 'dropout' },
  { kind: 'dense', name: 'out', units: 0, relu: false },
];
const set = barSet(37);
const model = alexnet({ inputSize: 28, layers, seed: 5 });

test('counts [actual][predicted]', () => {
  expect(confusionMatrix([0, 1, 1, 2], [0, 1, 2, 2], 3)).toEqual([
    [1, 0, 0],
    [0, 1, 1],
    [0, 0, 1],
  ]);
});

test('evaluation agrees with the predictions, whatever the batch size', async () => {
  const results = await expectNoLeak(async () => [
    await evaluate(model, set, { batchSize: 37 }),
    await evaluate(model, set, { batchSize: 10 }),
  ]);
  const [whole, parts] = results;
  expect(parts.loss).toBeCloseTo(whole.loss, 5);
  expect(parts.predictions).toEqual(whole.predictions);
  expect(whole.images).toBe(37);
  const all = predictBatch(
    model,
    set,
    Uint32Array.from({ length: 37 }, (_, i) => i),
  );
  expect(all.map((p) => p.prediction)).toEqual([...whole.predictions]);
  const confidence = (i: number) => Math.max(...all[i].probabilities);
  expect(mistakes(set, whole)).toEqual(
    [...set.labels.keys()]
      .filter((i) => all[i].prediction !== set.labels[i])
      .sort((a, b) => confidence(b) - confidence(a)),
  );
  for (const i of set.labels.keys()) expect(whole.confidences[i]).toBeCloseTo(confidence(i), 5);
  const right = all.filter((p, i) => p.prediction === set.labels[i]).length;
  expect(whole.accuracy).toBeCloseTo(right / 37, 9);
  const meanLoss =
    all.reduce((sum, p, i) => sum - Math.log(p.probabilities[set.labels[i]]), 0) / 37;
  expect(whole.loss).toBeCloseTo(meanLoss, 4);
  expect(whole.confusion.flat().reduce((a, b) => a + b, 0)).toBe(37);
});

test('probabilities sum to one and belong to the images asked for', async () => {
  await expectNoLeak(() => {
    const [only] = predictBatch(model, set, [7]);
    expect(only.probabilities.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 6);
    expect(only).toEqual(predictBatch(model, slice(set, 7, 8), [0])[0]);
  });
});

test('predictions are the same twice: dropout is off', () => {
  expect(predictBatch(model, set, [1])).toEqual(predictBatch(model, set, [1]));
  expect(tf.memory().numTensors).toBe(2); // the model's weights
});

test('no result is ever NaN: an empty set and damaged weights are refused', async () => {
  await expect(evaluate(model, { ...set, length: 0 })).rejects.toThrow('bars: contains no images');
  const damaged = alexnet({ inputSize: 28, layers, seed: 5 });
  damaged.setWeights(damaged.getWeights().map(({ shape }) => tf.fill(shape, Number.NaN)));
  const why = 'the outputs of the network are not finite: its weights are damaged';
  await expect(evaluate(damaged, set)).rejects.toThrow(`bars: ${why}`);
  expect(() => predictBatch(damaged, set, [0])).toThrow(why);
});

test('precision is over predictions, recall over actual images', () => {
  expect(
    classReports([
      [3, 1],
      [0, 4],
    ]),
  ).toEqual([
    { label: 0, images: 4, precision: 1, recall: 0.75 },
    { label: 1, images: 4, precision: 0.8, recall: 1 },
  ]);
});

test('the confidence interval of an accuracy', () => {
  // Wilson's interval for 9 of 10, for example in R: prop.test(9, 10, correct = FALSE).
  const [low, high] = confidenceInterval(0.9, 10);
  expect(low).toBeCloseTo(0.5958, 4);
  expect(high).toBeCloseTo(0.9821, 4);
  expect(confidenceInterval(1, 10)[1]).toBeCloseTo(1, 9);
});

test('calibration: bins by confidence, and the expected calibration error', () => {
  const three = { ...slice(set, 0, 3), labels: Uint8Array.from([0, 1, 2]) };
  const { bins, error } = calibration(three, {
    predictions: Uint8Array.from([0, 7, 2]),
    confidences: Float32Array.from([0.75, 0.75, 1]),
  });
  expect(bins).toEqual([
    { images: 2, confidence: 0.75, accuracy: 0.5 },
    { images: 1, confidence: 1, accuracy: 1 },
  ]);
  expect(error).toBeCloseTo((2 * 0.25 + 0) / 3, 9);
});
