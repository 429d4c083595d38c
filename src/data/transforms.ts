/**
 * From grey bytes to the network's input: torchvision's Resize, ToTensor and Normalize(0.5, 0.5).
 *
 * torchvision's Resize works on a PIL image, and PIL works on bytes, with weights of 22 binary digits: it
 * interpolates along the rows and rounds to a byte, then along the columns and rounds again. The same is done
 * here, so the result is the same in every byte. (Source: Pillow, src/libImaging/Resample.c.)
 */
import { checkList, InputError, positiveInteger } from '../errors';
import { tf } from '../tf/index';

const PRECISION_BITS = 22;
const HALF = 1 << (PRECISION_BITS - 1);
// By itself: in jest a name looked up on `Math` in a loop is thirty times slower.
const { imul } = Math;

/** Along one axis: target pixel i is the sum of `taps` source pixels from `first[i]` on, each with its weight. */
export interface ResizeWeights {
  taps: number;
  first: Int32Array;
  /** [to, taps], in units of 2⁻²². */
  weights: Int32Array;
}

/**
 * The weights that resize one axis from `from` to `to` pixels by PIL's BILINEAR filter: a triangle of half-width
 * max(1, from / to) around each target pixel's centre.
 */
export function resizeWeights(from: number, to: number): ResizeWeights {
  positiveInteger('size before resizing', from);
  positiveInteger('size after resizing', to);
  const scale = from / to;
  const support = Math.max(scale, 1);
  const rows = Array.from({ length: to }, (_, i) => {
    const centre = (i + 0.5) * scale;
    const begin = Math.max(0, Math.trunc(centre - support + 0.5));
    const end = Math.min(from, Math.trunc(centre + support + 0.5));
    const triangle = Array.from({ length: end - begin }, (_, x) =>
      Math.max(0, 1 - Math.abs((begin + x - centre + 0.5) / support)),
    );
    const sum = triangle.reduce((a, b) => a + b, 0);
    const weights = triangle.map((weight) =>
      Math.trunc(0.5 + (weight / sum) * 2 ** PRECISION_BITS),
    );
    const skipped = weights.findIndex((weight) => weight !== 0);
    return { begin: begin + skipped, weights: weights.slice(skipped) };
  });
  const reach = (weights: number[]) =>
    weights.length - [...weights].reverse().findIndex((w) => w !== 0);
  const taps = Math.max(...rows.map(({ weights }) => reach(weights)));
  const result = { taps, first: new Int32Array(to), weights: new Int32Array(to * taps) };
  rows.forEach(({ begin, weights }, i) => {
    // Near the end fewer than `taps` are left: those before come in with weight 0.
    const first = Math.max(0, Math.min(begin, from - taps));
    result.first[i] = first;
    weights.slice(0, taps).forEach((weight, x) => {
      if (weight !== 0) result.weights[i * taps + begin - first + x] = weight;
    });
  });
  return result;
}

const known = new Map<string, ResizeWeights>();

function cachedWeights(from: number, to: number): ResizeWeights {
  const key = `${from} ${to}`;
  let weights = known.get(key);
  if (!weights) {
    weights = resizeWeights(from, to);
    known.set(key, weights);
  }
  return weights;
}

/**
 * Resizes grey images to `size`×`size` as torchvision does.
 *
 * @param pixels [count, height, width], one byte a pixel
 * @returns [count, size, size]
 */
export function resize(
  pixels: Uint8Array,
  height: number,
  width: number,
  size: number,
): Uint8Array {
  checkList('pixels', pixels);
  const count = pixels.length / (height * width);
  if (!Number.isInteger(count) || count < 1) {
    throw new InputError(`${pixels.length} pixels are not whole images of ${height}×${width}`);
  }
  positiveInteger('input size', size);
  const [alongRows, alongColumns] = [cachedWeights(width, size), cachedWeights(height, size)];
  const wide = new Uint8Array(height * size);
  const resized = new Uint8Array(count * size * size);
  for (let image = 0; image < count; image++) {
    const source = pixels.subarray(image * height * width, (image + 1) * height * width);
    resizeRows(source, height, width, size, alongRows, wide);
    const target = resized.subarray(image * size * size, (image + 1) * size * size);
    resizeColumns(wide, size, alongColumns, target);
  }
  return resized;
}

function resizeRows(
  source: Uint8Array,
  height: number,
  width: number,
  size: number,
  { taps, first, weights }: ResizeWeights,
  target: Uint8Array,
): void {
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < size; x++) {
      const start = y * width + first[x];
      let sum = HALF;
      for (let tap = 0; tap < taps; tap++)
        sum += imul(source[start + tap], weights[x * taps + tap]);
      target[y * size + x] = sum >> PRECISION_BITS;
    }
  }
}

function resizeColumns(
  source: Uint8Array,
  size: number,
  { taps, first, weights }: ResizeWeights,
  target: Uint8Array,
): void {
  const sums = new Int32Array(size);
  for (let y = 0; y < size; y++) {
    const to = y * size;
    const from = first[y] * size;
    if (taps === 2) {
      // Every enlargement: worth a loop of its own.
      const [upper, lower] = [weights[2 * y], weights[2 * y + 1]];
      for (let x = 0; x < size; x++) {
        const sum = imul(source[from + x], upper) + imul(source[from + size + x], lower);
        target[to + x] = (sum + HALF) >> PRECISION_BITS;
      }
      continue;
    }
    sums.fill(HALF);
    for (let tap = 0; tap < taps; tap++) {
      const weight = weights[y * taps + tap];
      const start = from + tap * size;
      for (let x = 0; x < size; x++) sums[x] += imul(source[start + x], weight);
    }
    for (let x = 0; x < size; x++) target[to + x] = sums[x] >> PRECISION_BITS;
  }
}

/** ToTensor and Normalize((0.5,), (0.5,)) of each byte, in float32 as PyTorch computes it. */
const NORMALISED = Float32Array.from({ length: 256 }, (_, byte) =>
  Math.fround(Math.fround(Math.fround(byte / 255) - 0.5) / 0.5),
);

/** ToTensor and Normalize((0.5,), (0.5,)): bytes 0 … 255 become -1 … 1. */
export function normalise(pixels: Uint8Array): Float32Array {
  checkList('pixels', pixels);
  const values = new Float32Array(pixels.length);
  for (let i = 0; i < pixels.length; i++) values[i] = NORMALISED[pixels[i]];
  return values;
}

/** The network's input for grey images: float32 [count, size, size, 1] in [-1, 1]; the caller disposes it. */
export function toInput(
  pixels: Uint8Array,
  height: number,
  width: number,
  size: number,
): tf.Tensor4D {
  const values = normalise(resize(pixels, height, width, size));
  return tf.tensor4d(values, [values.length / (size * size), size, size, 1]);
}
