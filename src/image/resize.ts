/**
 * Turns grey bytes into the network's input: torchvision's Resize, ToTensor and Normalize(0.5, 0.5).
 *
 * torchvision resizes with PIL, which computes with bytes: it interpolates along the rows and rounds, then
 * along the columns and rounds again, with weights in units of 2⁻²². This code does the same, so every byte
 * is equal. (Source: Pillow, src/libImaging/Resample.c.)
 */
import { check, positiveInteger } from '../checks';
import { InputError } from '../errors';
import { type Box, litBox } from './raster';

const PRECISION_BITS = 22;
const HALF = 1 << (PRECISION_BITS - 1);
// jest makes the lookup `Math.imul` in a loop thirty times slower.
const { imul } = Math;

/** Along one axis: target pixel i is a weighted sum of `taps` source pixels, starting at `first[i]`. */
export interface ResizeWeights {
  taps: number;
  first: Int32Array;
  /** [to, taps], in units of 2⁻²². */
  weights: Int32Array;
}

/**
 * The weights that resize one axis from `from` to `to` pixels with PIL's BILINEAR filter: a triangle of
 * half-width max(1, from / to) around the centre of each target pixel.
 */
export function resizeWeights(from: number, to: number): ResizeWeights {
  const scale = from / to;
  const support = Math.max(scale, 1);
  const rows: { begin: number; row: number[] }[] = [];
  for (let i = 0; i < to; i++) {
    const centre = (i + 0.5) * scale;
    let begin = Math.max(0, Math.trunc(centre - support + 0.5));
    const end = Math.min(from, Math.trunc(centre + support + 0.5));
    const triangle: number[] = [];
    for (let x = begin; x < end; x++) {
      triangle.push(Math.max(0, 1 - Math.abs((x - centre + 0.5) / support)));
    }
    const sum = triangle.reduce((a, b) => a + b, 0);
    const row = triangle.map((weight) => Math.trunc(0.5 + (weight / sum) * 2 ** PRECISION_BITS));
    while (row[0] === 0) {
      row.shift();
      begin++;
    }
    while (row[row.length - 1] === 0) row.pop();
    rows.push({ begin, row });
  }
  const taps = Math.max(...rows.map(({ row }) => row.length));
  const first = new Int32Array(to);
  const weights = new Int32Array(to * taps);
  for (const [i, { begin, row }] of rows.entries()) {
    // The last rows may have fewer taps: they start earlier, with weight 0.
    first[i] = Math.min(begin, from - taps);
    weights.set(row, i * taps + begin - first[i]);
  }
  return { taps, first, weights };
}

/**
 * Resizes grey images to `size`×`size` as torchvision does.
 *
 * @param pixels [count, height, width]
 * @returns [count, size, size]
 * @throws InputError if `pixels` does not hold whole images
 */
export function resize(
  pixels: Uint8Array,
  height: number,
  width: number,
  size: number,
): Uint8Array {
  const resizer = new Resizer(pixels, height, width, size);
  const area = size * size;
  const resized = new Uint8Array(resizer.count * area);
  for (let i = 0; i < resizer.count; i++) {
    resizer.resize(i, resized.subarray(i * area, (i + 1) * area));
  }
  return resized;
}

/** The network's input for grey images: `resize`, then `normalise`. [count, size, size, 1] in [-1, 1]. */
export function inputValues(
  pixels: Uint8Array,
  height: number,
  width: number,
  size: number,
): Float32Array {
  const resizer = new Resizer(pixels, height, width, size);
  const area = size * size;
  const values = new Float32Array(resizer.count * area).fill(NORMALISED[0]);
  const resized = new Uint8Array(area);
  for (let i = 0; i < resizer.count; i++) {
    resized.fill(0);
    const { top, bottom, left, right } = resizer.resize(i, resized);
    for (let y = top; y < bottom; y++) {
      const row = i * area + y * size;
      for (let x = left; x < right; x++) values[row + x] = NORMALISED[resized[y * size + x]];
    }
  }
  return values;
}

/** ToTensor and Normalize((0.5,), (0.5,)): bytes 0 … 255 become -1 … 1. */
export function normalise(pixels: Uint8Array): Float32Array {
  const values = new Float32Array(pixels.length);
  for (let i = 0; i < pixels.length; i++) values[i] = NORMALISED[pixels[i]];
  return values;
}

/** The normalised value of each byte, computed in float32 as PyTorch does. */
const NORMALISED = Float32Array.from({ length: 256 }, (_, byte) =>
  Math.fround(Math.fround(Math.fround(byte / 255) - 0.5) / 0.5),
);

/** Resizes images of one size. It skips the black around a digit, which is more than half of an image. */
class Resizer {
  readonly count: number;
  private readonly alongRows: ResizeWeights;
  private readonly alongColumns: ResizeWeights;
  /** [height, size]: one image after its rows are resized. */
  private readonly wide: Uint8Array;
  private readonly sums: Int32Array;

  constructor(
    private readonly pixels: Uint8Array,
    private readonly height: number,
    private readonly width: number,
    private readonly size: number,
  ) {
    check(positiveInteger, size, 'input size');
    this.count = pixels.length / (height * width);
    if (!Number.isInteger(this.count) || this.count < 1) {
      throw new InputError(`${pixels.length} pixels are not whole images of ${height}×${width}`);
    }
    this.alongRows = resizeWeights(width, size);
    this.alongColumns = height === width ? this.alongRows : resizeWeights(height, size);
    this.wide = new Uint8Array(height * size);
    this.sums = new Int32Array(size);
  }

  /** Resizes image `i` into `target` [size, size], which must be black. Returns the box that is not black. */
  resize(i: number, target: Uint8Array): Box {
    const { pixels, height, width, alongRows, alongColumns } = this;
    const source = pixels.subarray(i * height * width, (i + 1) * height * width);
    const lit = litBox(source, width, height);
    const [left, right] = reached(alongRows, lit.left, lit.right);
    const [top, bottom] = reached(alongColumns, lit.top, lit.bottom);
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
    if (taps === 2) {
      // Every enlargement. A loop of its own makes the whole resize 1.6 times as fast.
      const [upper, lower] = [first[y] * size, (first[y] + 1) * size];
      const [above, below] = [weights[2 * y], weights[2 * y + 1]];
      for (let x = left; x < right; x++) {
        const sum = imul(wide[upper + x], above) + imul(wide[lower + x], below);
        target[y * size + x] = (sum + HALF) >> PRECISION_BITS;
      }
      return;
    }
    sums.fill(HALF);
    for (let tap = 0; tap < taps; tap++) {
      const weight = weights[y * taps + tap];
      const start = (first[y] + tap) * size;
      for (let x = left; x < right; x++) sums[x] += imul(wide[start + x], weight);
    }
    for (let x = left; x < right; x++) target[y * size + x] = sums[x] >> PRECISION_BITS;
  }
}

/** The range [low, high) of target pixels that depend on the source pixels [begin, end). */
function reached({ taps, first }: ResizeWeights, begin: number, end: number): [number, number] {
  if (begin >= end) return [0, 0];
  let [low, high] = [0, first.length];
  while (low < high && first[low] + taps <= begin) low++;
  while (high > low && first[high - 1] >= end) high--;
  return [low, high];
}
