/**
 * For `npm run doctor` and the set-up: loads TensorFlow, computes with it, and prints as JSON what only such a process
 * can find out.
 */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { embeddedFolder, MNIST_MD5 } from '../data/index';
import { messageOf } from '../errors';
import { hashOfFile } from '../files';
import { autocast, backend, device, tf } from '../tf/index';
import { AdamW } from '../train/index';

// The allocator reads its settings only when the process starts.
const atStart = fs.existsSync('/proc/self/environ')
  ? fs.readFileSync('/proc/self/environ', 'utf8').split('\0')
  : [];
const settings: Record<string, string> = require('../../scripts/setup/runtime-env.json');
const allocator = Object.entries(settings).filter(([name]) => /MALLOC|malloc/.test(name));

/** What training needs from the device. Each returns numbers and what they should be. */
const COMPUTATIONS: Record<string, () => [got: tf.Tensor, want: number[]]> = {
  'a multiplication': () => [tf.matMul(tf.tensor2d([[1, 2]]), tf.tensor2d([[3], [2]])), [7]],
  'a bfloat16 convolution': () => [
    autocast('bfloat16', () =>
      tf.conv2d(tf.ones([1, 3, 3, 8]) as tf.Tensor4D, tf.ones([3, 3, 8, 8]), 1, 'valid'),
    ),
    Array(8).fill(72),
  ],
  'the gradient of max-pooling': () => [
    tf.grad((x) => tf.maxPool(x as tf.Tensor4D, 2, 2, 'valid'))(
      tf.tensor4d([1, 4, 2, 3], [1, 2, 2, 1]),
    ),
    [0, 1, 0, 0],
  ],
  'an Adam update': () => {
    const weights = tf.variable(tf.tensor1d([1, 2]));
    const optimizer = new AdamW({ learningRate: 0.5, weightDecay: 0 });
    optimizer.step([weights], { [weights.name]: tf.tensor1d([3, -3]) });
    optimizer.dispose();
    return [weights, [0.5, 2.5]]; // the first step moves each weight by the learning rate
  },
};

/** The computations that fail or give a wrong result on this device, with the reason. */
const failures = Object.entries(COMPUTATIONS).flatMap(([what, compute]) => {
  try {
    const [got, want] = compute();
    const values = [...got.dataSync()];
    const isRight = want.every((value, i) => Math.abs(values[i] - value) < 0.01 * value + 1e-3);
    return isRight ? [] : [`${what} gives ${values}, want ${want}`];
  } catch (error) {
    return [`${what} fails: ${messageOf(error).split('\n')[0]}`];
  }
});

process.stdout.write(
  JSON.stringify({
    tensorflow: backend().binding.TF_Version,
    backend: tf.getBackend(),
    failures,
    device: device().kind,
    deviceName: device().name,
    threads: Number(process.env.TF_NUM_INTRAOP_THREADS) || os.availableParallelism(),
    allocator: Object.fromEntries(
      allocator.map(([name, value]) => [name, atStart.includes(`${name}=${value}`)]),
    ),
    data: Object.entries(MNIST_MD5).map(([file, md5]) => ({
      file,
      ok: hashOfFile('md5', path.join(embeddedFolder(), file)) === md5,
    })),
  }),
);
