/** The way from grey bytes to the network's input, and the last step of it: the tensor. */
import { tf } from '../tf/index';
import { inputValues } from './resize';

export { normalise, resize, resizeWeights } from './resize';

/** The network's input for grey images: float32 [count, size, size, 1] in [-1, 1]; the caller disposes it. */
export function toInput(
  pixels: Uint8Array,
  height: number,
  width: number,
  size: number,
): tf.Tensor4D {
  const values = inputValues(pixels, height, width, size);
  return tf.tensor4d(values, [values.length / size ** 2, size, size, 1]);
}
