/** Resolves `--precision auto`. */
import { autocast } from './autocast';
import { waitForDevice } from './device';
import { tf } from './load';
import { backend } from './native';
import { hasInstructions } from './processor';
import type { Precision } from './tuning';

/**
 * A 16-bit type if this machine is clearly faster in it, otherwise float32. An x86 CPU lists its instructions, so the
 * answer is always the same. Other machines time convolutions, once per process. float16 is for GPUs that have no units
 * for bfloat16, such as the T4.
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
  // One such convolution takes a GPU less time than its launch.
  const { isUsingGpuDevice } = backend();
  const [images, convolutions] = isUsingGpuDevice ? [256, 10] : [32, 1];
  const candidates: Precision[] = isUsingGpuDevice ? ['bfloat16', 'float16'] : ['bfloat16'];
  return tf.tidy(() => {
    const x: tf.Tensor4D = tf.ones([images, 13, 13, 256]);
    const filter: tf.Tensor4D = tf.ones([3, 3, 256, 256]);
    const milliseconds = (precision: Precision) => {
      const times = Array.from({ length: 5 }, () => {
        const started = performance.now();
        for (let i = 0; i < convolutions; i++) {
          const y = autocast(precision, () => tf.conv2d(x, filter, 1, 'same'));
          tf.dispose([y.slice([0, 0, 0, 0], [1, 1, 1, 1]), y]); // without the slice it would not run
        }
        waitForDevice();
        return performance.now() - started;
      });
      return Math.min(...times);
    };
    return fastest(milliseconds, candidates);
  });
}

/** float32, or the first candidate that is clearly faster than all before it. Those that fail are left out. */
export function fastest(
  milliseconds: (precision: Precision) => number,
  candidates: readonly Precision[],
): Precision {
  let best: Precision = 'float32';
  let time = milliseconds(best);
  for (const candidate of candidates) {
    try {
      const its = milliseconds(candidate);
      if (time > 1.2 * its) [best, time] = [candidate, its];
    } catch {
      // this device cannot convolve in it
    }
  }
  return best;
}
