import { HALF, inputValues } from '../image/index';
import { tf } from '../tf/index';

/** The size of images in memory. Without `channels` they are grey. */
export interface ImageShape {
  height: number;
  width: number;
  channels?: number;
}

/**
 * The article's transforms: Resize, ToTensor, Normalize. Unless another `normalisation` is given, Normalize(0.5, 0.5).
 *
 * @param pixels [count, height, width, channels], 0 to 255
 * @returns float32 [count, size, size, channels], with Normalize(0.5, 0.5) in [-1, 1]; the caller disposes it
 */
export function toInput(
  pixels: Uint8Array,
  { height, width, channels = 1 }: ImageShape,
  size: number,
  normalisation = HALF,
): tf.Tensor4D {
  const values = inputValues(pixels, height, width, size, channels, normalisation);
  return tf.tensor4d(values, [values.length / (size ** 2 * channels), size, size, channels]);
}
