/** For `npm run doctor`: loads TensorFlow and prints as JSON what only such a process can find out. */
import fs from 'node:fs';
import os from 'node:os';
import { verifyEmbeddedMnist } from '../data/index';
import { backend, tf } from '../tf/index';

// The allocator reads its settings only when the process starts.
const atStart = fs.existsSync('/proc/self/environ')
  ? fs.readFileSync('/proc/self/environ', 'utf8').split('\0')
  : [];
const settings: Record<string, string> = require('../../scripts/runtime-env.json');
const allocator = Object.entries(settings).filter(([name]) => name !== 'TF_CPP_MIN_LOG_LEVEL');

const { binding, isUsingGpuDevice } = backend();
const seven = tf.tidy(
  () => tf.matMul(tf.tensor2d([[1, 2]]), tf.tensor2d([[3], [2]])).dataSync()[0],
);
process.stdout.write(
  JSON.stringify({
    tensorflow: binding.TF_Version,
    backend: tf.getBackend(),
    computes: seven === 7,
    device: isUsingGpuDevice ? 'GPU' : 'CPU',
    threads: Number(process.env.TF_NUM_INTRAOP_THREADS) || os.availableParallelism(),
    allocator: Object.fromEntries(
      allocator.map(([name, value]) => [name, atStart.includes(`${name}=${value}`)]),
    ),
    data: verifyEmbeddedMnist(),
  }),
);
