/** Whether this machine computes an op correctly in low precision. */
import type { tf } from './load';
import {
  attribute,
  backend,
  castHandle,
  DType,
  free,
  type Handle,
  listHandle,
  type OpAttribute,
  relativeError,
  runOp,
  withType,
} from './native';
import { fastestOp, isThin } from './onednn';
import type { Verdict } from './tuning';

/**
 * Rounding costs bfloat16 about 0.003 of a sum's value, if the sum is kept in float32 as it should be.
 * Some ops sum in bfloat16: TensorFlow's own input gradient is 0.02 off.
 */
const LARGEST_ERROR = 0.01;

/** Convolutions are tried on this many images, whatever the batch. */
const IMAGES = 4;

/**
 * Whether the result of an op in low precision is close to that in float32.
 *
 * Some ops are silently wrong: on some processors TensorFlow 2.21's oneDNN convolves images of 1 or 3
 * channels in bfloat16 with a relative error of 0.7. So each op is tried once for each set of shapes. It is
 * tried on random numbers, always the same ones: the answer must not depend on the data that happens to come
 * first, or a run would depend on what the process did before.
 *
 * @param floats the indices of the inputs that are floats; the other holds sizes
 */
export function isTrusted(
  name: string,
  attributes: OpAttribute[],
  inputs: tf.Tensor[],
  floats: number[],
  lowType: number,
): boolean {
  const samples = inputs.map((input, i) => {
    const numbers = floats.includes(i) ? input.shape : [...input.dataSync()];
    // A convolution's second input, the filter or its sizes, is the one without a batch axis.
    return name.startsWith('Conv2D') && i !== 1 ? [IMAGES, ...numbers.slice(1)] : numbers;
  });
  const { verdicts } = backend().tuning;
  const key = JSON.stringify([name, lowType, attributes, samples]);
  let verdict = verdicts.get(key);
  if (!verdict) {
    const error = lowPrecisionError(name, attributes, samples, floats, lowType);
    const shapes = samples.map((sample) => `[${sample}]`).join(' ');
    verdict = { name, shapes, error, trusted: error < LARGEST_ERROR };
    verdicts.set(key, verdict);
  }
  return verdict.trusted;
}

/** The ops found wrong in low precision so far, and how wrong. They run in float32. */
export function distrustedOps(): Verdict[] {
  return [...backend().tuning.verdicts.values()].filter(({ trusted }) => !trusted);
}

/** How far an op in low precision is from the same in float32, on random inputs. */
function lowPrecisionError(
  name: string,
  attributes: OpAttribute[],
  samples: number[][],
  floats: number[],
  lowType: number,
): number {
  const made: Handle[] = [];
  const keep = (handle: Handle): Handle => {
    made.push(handle);
    return handle;
  };
  const thin = isThin(name, samples);
  const run = (dtype: number, inputs: Handle[]) =>
    keep(runOp(...fastestOp(name, withType(attributes, dtype), thin), inputs)[0]);
  try {
    const high = samples.map((sample, i) =>
      keep(floats.includes(i) ? randomHandle(sample, i) : listHandle(sample)),
    );
    const low = high.map((handle, i) =>
      floats.includes(i) ? keep(castHandle(handle, DType.float32, lowType)) : handle,
    );
    const got = keep(castHandle(run(lowType, low), lowType, DType.float32));
    return relativeError(got, run(DType.float32, high));
  } finally {
    free(...made);
  }
}

/** Normally distributed float32: the same numbers for the same shape and seed in every process. */
function randomHandle(shape: number[], seed: number): Handle {
  const attributes = [
    attribute.type('dtype', DType.float32),
    attribute.type('T', DType.int32),
    attribute.type('Tseed', DType.int32),
  ];
  const inputs = [listHandle(shape), listHandle([seed, 0])];
  const [random] = runOp('StatelessRandomNormal', attributes, inputs);
  free(...inputs);
  return random;
}
