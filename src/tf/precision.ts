/** What `--precision auto` stands for. */
import { autocast } from './autocast';
import { tf } from './load';
import { backend } from './native';
import { hasInstructions } from './processor';
import type { Precision } from './tuning';

/**
 * The precision that `auto` stands for: bfloat16 if this machine is clearly faster in it, else float32.
 * An x86 processor lists its instructions, so the answer is always the same there. Elsewhere a convolution is
 * timed, once.
 */
export function fastestPrecision(): Precision {
  const { tuning } = backend();
  tuning.fastest ??= knownPrecision() ?? measuredPrecision();
  return tuning.fastest;
}

function knownPrecision(): Precision | undefined {
  if (backend().isUsingGpuDevice || !hasInstructions('sse2')) return undefined;
  return hasInstructions('amx_bf16', 'avx512_bf16') ? 'bfloat16' : 'float32';
}

/** The precision that convolves clearly faster here. */
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
      return 'float32'; // this device does not convolve in bfloat16 at all
    }
  });
}
