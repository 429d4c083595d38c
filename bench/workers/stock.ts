/** Stock tfjs on the same TensorFlow: stock.ts BATCH INPUT_SIZE. */
import '../../src/tf/binding'; // not src/tf/index, which installs our faster operations
import * as tf from '@tensorflow/tfjs-node-gpu';
import { waitForDevice } from '../../src/tf/device';
import { serve } from './protocol';

const batchSize = Number(process.argv[2]);
const inputSize = Number(process.argv[3]);

const conv = (filters: number, kernelSize: number, strides: number, padding: 'same' | 'valid') =>
  tf.layers.conv2d({
    filters,
    kernelSize,
    strides,
    padding,
    activation: 'relu',
    kernelInitializer: 'heNormal',
  });
const pool = () => tf.layers.maxPooling2d({ poolSize: 3, strides: 2 });
const dense = (units: number, activation?: 'relu' | 'softmax') =>
  tf.layers.dense({ units, activation, kernelInitializer: 'zeros' });

const model = tf.sequential({
  layers: [
    tf.layers.zeroPadding2d({ padding: 2, inputShape: [inputSize, inputSize, 1] }),
    conv(64, 11, 4, 'valid'),
    pool(),
    conv(192, 5, 1, 'same'),
    pool(),
    conv(384, 3, 1, 'same'),
    conv(256, 3, 1, 'same'),
    conv(256, 3, 1, 'same'),
    pool(),
    tf.layers.flatten(),
    tf.layers.dropout({ rate: 0.5 }),
    dense(4096, 'relu'),
    tf.layers.dropout({ rate: 0.5 }),
    dense(4096, 'relu'),
    dense(10, 'softmax'),
  ],
});
model.compile({ optimizer: tf.train.adam(1e-3), loss: 'sparseCategoricalCrossentropy' });
const images = tf.randomUniform([batchSize, inputSize, inputSize, 1], -1, 1);
const labels = tf.tensor1d(Array.from({ length: batchSize }, (_, i) => i % 10));
const one = images.slice(0, 1);

serve({
  step: async () => {
    await model.trainOnBatch(images, labels);
    waitForDevice();
  },
  evaluate: () => {
    tf.tidy(() => (model.predict(images, { batchSize }) as tf.Tensor).argMax(1).dataSync());
  },
  latency: () => {
    tf.tidy(() => (model.predict(one) as tf.Tensor).dataSync());
  },
});
