import { inputValues } from '../image/index';
import { tf } from '../tf/index';

/**
 * The article's transforms for grey images: Resize, ToTensor, Normalize(0.5, 0.5).
 *
 * @param pixels [count, height, width], 0 to 255
 * @returns float32 [count, size, size, 1] in [-1, 1]; the caller disposes it
 */
export function toInput(
  pixels: Uint8Array,
  height: number,
  width: number,
  size: number,
): tf.Tensor4D {
  const values = inputValues(pixels, height, width, size);
  return tf.tensor4d(values, [values.length / size ** 2, size, size, 1]);
}
