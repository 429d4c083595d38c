/** Finds out whether this machine computes an op correctly in low precision. */
import { handleAs, runRaw } from './entries';
import { tf } from './load';
import { backend, DType, type OpAttribute, withType } from './native';
import { fastestOp, relativeError } from './onednn';
import { seededNormal } from './random';

/**
 * Rounding costs bfloat16 about 0.003 of a sum's value, if the sum is kept in float32 as it should be.
 * Some ops sum in bfloat16: TensorFlow's own input gradient is off by 0.02.
 */
const LARGEST_ERROR = 0.01;

/** Convolutions are tried on this many images, whatever the batch size. */
const IMAGES = 4;

/**
 * Longer sides of a matrix are cut to this, plus what is left of them after blocks of 64: the remainder takes other paths
 * through a kernel.
 */
const SIDE = 512;

/**
 * Whether the result of an op in low precision is close to that in float32. False if the op fails.
 *
 * Some ops are silently wrong: on some processors TensorFlow 2.21's oneDNN convolves images of 1 or 3
 * channels in bfloat16 with a relative error of 0.7. So each op is tried once for each set of shapes. It is
 * tried on random numbers that are always the same. If it were tried on the first data that comes, the result of a run
 * would depend on what the process did before.
 */
export function isTrusted(
  name: string,
  attributes: OpAttribute[],
  inputs: tf.Tensor[],
  dtype: number,
): boolean {
  const samples = inputs.map((input, i) => {
    const numbers = input.dtype === 'float32' ? input.shape : [...input.dataSync()];
    if (!name.startsWith('Conv2D')) return numbers.map((n) => (n < SIDE ? n : SIDE + (n % 64)));
    // The second input, the filter or its sizes, is the one without a batch axis.
    return i === 1 ? numbers : [IMAGES, ...numbers.slice(1)];
  });
  const { errors } = backend().tuning;
  const key = JSON.stringify([name, dtype, attributes, samples]);
  let error = errors.get(key);
  if (error === undefined) {
    error = tf.tidy(() => {
      const trial = samples.map((numbers, i) =>
        inputs[i].dtype === 'float32'
          ? seededNormal(numbers, 1, i, 0)
          : tf.tensor1d(numbers, 'int32'),
      );
      const result = (type: number) => {
        const handles = trial.map((input) => handleAs(input, type));
        return runRaw(...fastestOp(name, withType(attributes, type)), handles)[0];
      };
      try {
        return relativeError(result(dtype), result(DType.float32));
      } catch {
        return Infinity; // this device does not have the op in this type
      }
    });
    errors.set(key, error);
  }
  return error < LARGEST_ERROR;
}
