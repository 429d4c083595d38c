import { ALEXNET, alexnet, layerTable } from '../../src/model/index';
import { tf } from '../../src/tf/index';
import { expectNoLeak } from '../support/tensors';

test('tfjs agrees with the table on parameters and shapes', async () => {
  await expectNoLeak(() => {
    const model = alexnet();
    expect(model.countParams()).toBe(57_029_322);
    for (const row of layerTable(ALEXNET, { inputSize: 227, channels: 1, classes: 10 })) {
      const layer = model.getLayer(row.name);
      expect((layer.outputShape as number[]).slice(1)).toEqual(row.outputShape);
    }
    model.dispose();
  });
});

test('options change the network', async () => {
  await expectNoLeak(() => {
    const model = alexnet({ inputSize: 63, channels: 3, classes: 4, dropout: 0 });
    const output = tf.tidy(() => (model.predict(tf.zeros([2, 63, 63, 3])) as tf.Tensor).shape);
    expect(output).toEqual([2, 4]);
    model.dispose();
  });
});

test.each([
  [{ inputSize: 0 }, 'inputSize is 0, want a positive whole number'],
  [{ classes: 2.5 }, 'classes is 2.5'],
  [{ dropout: 1 }, 'dropout is 1, want 0 to less than 1'],
  [{ seed: 0.5 }, 'seed is 0.5, want a whole number'],
  [{ inputSize: 30 }, 'input size 30 is too small'],
])('refuses %j', (options, message) => {
  expect(() => alexnet({ inputSize: 63, ...options })).toThrow(message);
});

test('padding 2 with stride 4 pads as PyTorch does', () => {
  // One filter of ones over an image of ones: each output counts the kernel's overlap with the image.
  const model = alexnet({
    inputSize: 9,
    layers: [
      { kind: 'conv', name: 'conv', filters: 1, kernel: 5, stride: 4, padding: 2 },
      { kind: 'flatten', name: 'flatten' },
    ],
  });
  model.getLayer('conv').setWeights([tf.ones([5, 5, 1, 1]), tf.zeros([1])]);
  const output = model.predict(tf.ones([1, 9, 9, 1])) as tf.Tensor;
  expect([...output.dataSync()]).toEqual([9, 15, 9, 15, 25, 15, 9, 15, 9]);
});
