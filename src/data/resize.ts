/**
 * From grey bytes to the network's input: torchvision's Resize, ToTensor and Normalize(0.5, 0.5).
 *
 * torchvision's Resize works on a PIL image, and PIL works on bytes, with weights of 22 binary digits: it
 * interpolates along the rows and rounds to a byte, then along the columns and rounds again. The same is done
 * here, so the result is the same in every byte. (Source: Pillow, src/libImaging/Resample.c.)
 *
 * No TensorFlow and no Node here: it runs in a browser as well.
 */
import { checkList, InputError, positiveInteger } from '../errors';

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
  const count = countImages(pixels, height, width);
  const resizer = new Resizer(height, width, size);
  const resized = new Uint8Array(count * size * size);
  for (let image = 0; image < count; image++) {
    const target = resized.subarray(image * size * size, (image + 1) * size * size);
    resizer.resize(pixels.subarray(image * height * width, (image + 1) * height * width), target);
  }
  return resized;
}

function countImages(pixels: Uint8Array, height: number, width: number): number {
  checkList('pixels', pixels);
  const count = pixels.length / (height * width);
  if (!Number.isInteger(count) || count < 1) {
    throw new InputError(`${pixels.length} pixels are not whole images of ${height}×${width}`);
  }
  return count;
}

/** A part of an image: from `top` up to `bottom`, from `left` up to `right`, the last two not included. */
interface Box {
  top: number;
  bottom: number;
  left: number;
  right: number;
}

/** Resizes images of one size. What is black around a digit, more than half of the image, is passed over. */
class Resizer {
  private readonly alongRows: ResizeWeights;
  private readonly alongColumns: ResizeWeights;
  /** [height, size]: the rows resized, the columns not yet. */
  private readonly wide: Uint8Array;
  private readonly sums: Int32Array;

  constructor(
    private readonly height: number,
    private readonly width: number,
    private readonly size: number,
  ) {
    positiveInteger('input size', size);
    this.alongRows = cachedWeights(width, size);
    this.alongColumns = cachedWeights(height, size);
    this.wide = new Uint8Array(height * size);
    this.sums = new Int32Array(size);
  }

  /** Fills `target`, which must be black, and returns the part of it that is not black. */
  resize(source: Uint8Array, target: Uint8Array): Box {
    const { height, width, size, alongRows, alongColumns } = this;
    const lit = litBox(source, height, width);
    const [left, right] = reached(alongRows, size, lit.left, lit.right);
    const [top, bottom] = reached(alongColumns, size, lit.top, lit.bottom);
    this.wide.fill(0);
    for (let y = lit.top; y < lit.bottom; y++) this.resizeRow(source, y, left, right);
    for (let y = top; y < bottom; y++) this.resizeColumns(target, y, left, right);
    return { top, bottom, left, right };
  }

  private resizeRow(source: Uint8Array, y: number, left: number, right: number): void {
    const { wide, width, size } = this;
    const { taps, first, weights } = this.alongRows;
    for (let x = left; x < right; x++) {
      const start = y * width + first[x];
      let sum = HALF;
      for (let tap = 0; tap < taps; tap++) {
        sum += imul(source[start + tap], weights[x * taps + tap]);
      }
      wide[y * size + x] = sum >> PRECISION_BITS;
    }
  }

  private resizeColumns(target: Uint8Array, y: number, left: number, right: number): void {
    const { wide, sums, size } = this;
    const { taps, first, weights } = this.alongColumns;
    const to = y * size;
    const from = first[y] * size;
    if (taps === 2) {
      // Every enlargement: worth a loop of its own.
      const [upper, lower] = [weights[2 * y], weights[2 * y + 1]];
      for (let x = left; x < right; x++) {
        const sum = imul(wide[from + x], upper) + imul(wide[from + size + x], lower);
        target[to + x] = (sum + HALF) >> PRECISION_BITS;
      }
      return;
    }
    sums.fill(HALF);
    for (let tap = 0; tap < taps; tap++) {
      const weight = weights[y * taps + tap];
      const start = from + tap * size;
      for (let x = left; x < right; x++) sums[x] += imul(wide[start + x], weight);
    }
    for (let x = left; x < right; x++) target[to + x] = sums[x] >> PRECISION_BITS;
  }
}

/** The smallest box that holds all pixels that are not 0. */
function litBox(pixels: Uint8Array, height: number, width: number): Box {
  const box = { top: height, bottom: 0, left: width, right: 0 };
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (pixels[y * width + x] === 0) continue;
      if (y < box.top) box.top = y;
      box.bottom = y + 1;
      if (x < box.left) box.left = x;
      if (x >= box.right) box.right = x + 1;
    }
  }
  return box;
}

/** The target pixels, from one up to another, that source pixels from `begin` up to `end` have a part in. */
function reached(
  { taps, first }: ResizeWeights,
  size: number,
  begin: number,
  end: number,
): [number, number] {
  if (begin >= end) return [0, 0];
  let [low, high] = [0, size];
  while (low < size && first[low] + taps <= begin) low++;
  while (high > low && first[high - 1] >= end) high--;
  return [low, high];
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

/** The network's input for grey images: [count, size, size, 1] in [-1, 1]. */
export function inputValues(
  pixels: Uint8Array,
  height: number,
  width: number,
  size: number,
): Float32Array {
  const count = countImages(pixels, height, width);
  const resizer = new Resizer(height, width, size);
  const values = new Float32Array(count * size * size).fill(NORMALISED[0]);
  const resized = new Uint8Array(size * size);
  for (let image = 0; image < count; image++) {
    const source = pixels.subarray(image * height * width, (image + 1) * height * width);
    resized.fill(0);
    const { top, bottom, left, right } = resizer.resize(source, resized);
    for (let y = top; y < bottom; y++) {
      const start = image * size * size + y * size;
      for (let x = left; x < right; x++) values[start + x] = NORMALISED[resized[y * size + x]];
    }
  }
  return values;
}
