/** Resolves `--precision auto`. */
import { autocast } from './autocast';
import { tf } from './load';
import { backend } from './native';
import { hasInstructions } from './processor';
import type { Precision } from './tuning';

/**
 * bfloat16 if this machine is clearly faster in it, otherwise float32. An x86 CPU lists its instructions, so the
 * answer is always the same. Other machines time a convolution, once per process.
 */
export function fastestPrecision(): Precision {
  const { isUsingGpuDevice, tuning } = backend();
  if (!isUsingGpuDevice && hasInstructions('sse2')) {
    return hasInstructions('amx_bf16', 'avx512_bf16') ? 'bfloat16' : 'float32';
  }
  tuning.fastest ??= measuredPrecision();
  return tuning.fastest;
}

/** The precision that convolves clearly faster on this machine. */
export function measuredPrecision(): Precision {
  return tf.tidy(() => {
    const x: tf.Tensor4D = tf.ones([32, 13, 13, 256]);
    const filter: tf.Tensor4D = tf.ones([3, 3, 256, 256]);
    const milliseconds = (precision: Precision) => {
      const times = Array.from({ length: 5 }, () => {
        const started = performance.now();
        const y = autocast(precision, () => tf.conv2d(x, filter, 1, 'same'));
        y.slice([0, 0, 0, 0], [1, 1, 1, 1]).dataSync(); // waits for a GPU
        return performance.now() - started;
      });
      return Math.min(...times);
    };
    try {
      return milliseconds('float32') > 1.2 * milliseconds('bfloat16') ? 'bfloat16' : 'float32';
    } catch {
      return 'float32'; // this device cannot convolve in bfloat16
    }
  });
}
