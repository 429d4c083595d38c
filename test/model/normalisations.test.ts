import path from 'node:path';
import { alexnet, BatchNorm, type LayerSpec, namedWeights } from '../../src/model/index';
import { LocalResponseNorm } from '../../src/model/response-norm';
import { loadModel, saveModel } from '../../src/storage/index';
import { autocast, tf } from '../../src/tf/index';
import { train } from '../../src/train/index';
import { temporaryFolder } from '../support/idx';
import { barSet } from '../support/sets';
import { expectNoLeak, maxDifference } from '../support/tensors';

const temporary = temporaryFolder();

/** A layer on one channel with γ = 2 and β = 1. */
function scaled(): BatchNorm {
  const layer = new BatchNorm();
  layer.build([null, 1, 1, 1]);
  tf.tidy(() => layer.setWeights([[2], [1], [0], [1]].map((value) => tf.tensor1d(value))));
  return layer;
}
const dispose = (layer: BatchNorm) => {
  for (const weight of layer.weights) weight.dispose();
};
const input = () => tf.tensor4d([1, 3], [2, 1, 1, 1]);
const output = (layer: BatchNorm, training: boolean) =>
  tf.tidy(() => [...(layer.apply(input(), { training }) as tf.Tensor).dataSync()]);
const averages = (layer: BatchNorm) => layer.getWeights().map((weight) => weight.dataSync()[0]);

test('training normalises by the batch; afterwards the running averages do', async () => {
  await expectNoLeak(() => {
    const layer = scaled();
    // Mean 2, variance 1: -1 and 1, times 2, plus 1.
    expect(maxDifference(output(layer, true), [-1, 3])).toBeLessThan(2e-5);
    // A tenth of the batch's mean 2 and unbiased variance 2.
    expect(maxDifference(averages(layer), [2, 1, 0.2, 0.9 + 0.2])).toBeLessThan(1e-6);
    expect(layer.calls).toBe(1);
    const want = [1, 3].map((x) => (2 * (x - 0.2)) / Math.sqrt(1.1 + 1e-5) + 1);
    expect(maxDifference(output(layer, false), want)).toBeLessThan(1e-6);
    dispose(layer);
  });
});

test('a frozen layer is the same in training, and changes nothing', () => {
  const layer = scaled();
  layer.trainable = false;
  expect(output(layer, true)).toEqual(output(layer, false));
  expect([...averages(layer), layer.calls]).toEqual([2, 1, 0, 1, 0]);
  dispose(layer);
});

test('the same in bfloat16, whose input it gets in float32', () => {
  const layer = scaled();
  const low = autocast('bfloat16', () => output(layer, true));
  expect(maxDifference(low, [-1, 3])).toBeLessThan(2e-5);
  dispose(layer);
});

test('local response normalisation divides by the neighbours', () => {
  tf.tidy(() => {
    const layer = new LocalResponseNorm({ size: 3, k: 1, alpha: 1, beta: 1 });
    const y = layer.apply(tf.tensor4d([1, 2, 3], [1, 1, 1, 3])) as tf.Tensor;
    const want = [1 / (1 + 1 + 4), 2 / (1 + 1 + 4 + 9), 3 / (1 + 4 + 9)];
    expect(maxDifference(y.dataSync(), want)).toBeLessThan(1e-6);
  });
});

test('a saved model keeps the running averages, the counter and the layers of its own', async () => {
  const layers: LayerSpec[] = [
    {
      kind: 'conv',
      name: 'conv',
      filters: 8,
      kernel: 5,
      stride: 4,
      padding: 2,
      bias: false,
      relu: false,
    },
    { kind: 'batchNorm', name: 'bn' },
    { kind: 'relu', name: 'relu' },
    { kind: 'localResponseNorm', name: 'norm', size: 5, k: 2, alpha: 1e-4, beta: 0.75 },
    { kind: 'globalAveragePool', name: 'pool' },
    { kind: 'dense', name: 'fc', units: 0, relu: false },
  ];
  await expectNoLeak(async () => {
    const model = alexnet({ layers, inputSize: 28 });
    await train(model, barSet(60), { epochs: 1, batchSize: 20 });
    const folder = path.join(temporary, 'model');
    await saveModel(model, folder);
    const loaded = await loadModel(folder);
    expect((loaded.getLayer('bn') as BatchNorm).calls).toBe(3);
    const values = (each: tf.LayersModel) =>
      namedWeights(each).map(({ name, variable }) => [name, ...variable.dataSync()]);
    expect(values(loaded)).toEqual(values(model));
    expect(values(model)[3]).not.toEqual(['bn/moving_mean', ...new Array(8).fill(0)]);
    for (const each of [model, loaded]) each.dispose();
  });
});
