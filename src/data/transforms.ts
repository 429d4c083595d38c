/**
 * From grey bytes to the network's input: torchvision's Resize, ToTensor and Normalize(0.5, 0.5).
 *
 * torchvision's Resize works on a PIL image, and PIL works on bytes: it interpolates along the rows
 * and rounds to a byte, then along the columns and rounds again. So the same is done here, as two
 * matrix products with a rounding after each. (Source: Pillow, src/libImaging/Resample.c.)
 */
import { InputError, positiveInteger } from '../errors';
import { tf } from '../tf/index';

/**
 * The matrix [to, from] that resizes one axis from `from` to `to` pixels by PIL's BILINEAR filter:
 * a triangle of half-width max(1, from / to) around each target pixel's centre, rows summing to 1.
 */
export function resizeMatrix(from: number, to: number): Float32Array {
  const matrix = new Float32Array(to * from);
  const scale = from / to;
  const support = Math.max(scale, 1);
  for (let row = 0; row < to; row++) {
    const centre = (row + 0.5) * scale;
    const first = Math.max(0, Math.trunc(centre - support + 0.5));
    const last = Math.min(from, Math.trunc(centre + support + 0.5));
    const weights: number[] = [];
    for (let x = first; x < last; x++) {
      weights.push(Math.max(0, 1 - Math.abs((x - centre + 0.5) / support)));
    }
    const sum = weights.reduce((a, b) => a + b, 0);
    weights.forEach((weight, i) => {
      matrix[row * from + first + i] = weight / sum;
    });
  }
  return matrix;
}

const matrices = new Map<string, Float32Array>();

function cachedMatrix(from: number, to: number): Float32Array {
  const key = `${from} ${to}`;
  let matrix = matrices.get(key);
  if (!matrix) {
    matrix = resizeMatrix(from, to);
    matrices.set(key, matrix);
  }
  return matrix;
}

/**
 * Resizes grey images to `size`×`size` as torchvision does.
 *
 * @param pixels [count, height, width], one byte a pixel
 * @returns float32 [count, size, size] of whole numbers 0 to 255; the caller disposes it
 */
export function resize(
  pixels: Uint8Array,
  height: number,
  width: number,
  size: number,
): tf.Tensor3D {
  const count = pixels.length / (height * width);
  if (!Number.isInteger(count) || count < 1) {
    throw new InputError(`${pixels.length} pixels are not whole images of ${height}×${width}`);
  }
  positiveInteger('input size', size);
  return tf.tidy(() => {
    const bytes = tf.tensor3d(Float32Array.from(pixels), [count, height, width]);
    const alongRows = tf.tensor2d(cachedMatrix(width, size), [size, width]);
    const alongColumns = tf.tensor3d(cachedMatrix(height, size), [1, size, height]);
    const wide = roundHalfUp(
      tf.matMul(bytes.reshape([count * height, width]), alongRows, false, true), // [count·height, size]
    ).reshape([count, height, size]);
    return roundHalfUp(tf.matMul(alongColumns, wide)) as tf.Tensor3D; // [count, size, size]
  });
}

/** ToTensor and Normalize((0.5,), (0.5,)): 0 … 255 becomes -1 … 1. The caller disposes the result. */
export function normalise<T extends tf.Tensor>(pixels: T): T {
  return tf.tidy(() => pixels.div(255).sub(0.5).div(0.5) as T);
}

/** The network's input for grey images: float32 [count, size, size, 1] in [-1, 1]; the caller disposes it. */
export function toInput(
  pixels: Uint8Array,
  height: number,
  width: number,
  size: number,
): tf.Tensor4D {
  return tf.tidy(() => normalise(resize(pixels, height, width, size)).expandDims(3));
}

function roundHalfUp(x: tf.Tensor): tf.Tensor {
  return x.add(0.5).floor();
}
