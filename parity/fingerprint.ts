/**
 * Test weights from a formula, and fingerprints, which describe a tensor in 266 numbers.
 * parity/reference/fingerprint.py computes the same in Python.
 */

/** See `fingerprint`. */
export interface Fingerprint {
  count: number;
  /** √Σ x² */
  norm: number;
  /** The largest |x|. */
  max: number;
  sample: number[];
  projections: number[];
}

// Under jest each use of the global `Math` is slow, and these loops run millions of times.
const { abs, imul, max } = Math;

const SAMPLE_STREAM = 1000;
const SIGN_STREAM = 1001;
const SAMPLES = 256;
const PROJECTIONS = 8;

/** A 32-bit integer hash of `index` ("lowbias32"). Each stream gives other values. */
function hash(index: number, stream: number): number {
  let x = (index + imul(stream + 1, 0x9e3779b9)) | 0;
  x = imul(x ^ (x >>> 16), 0x7feb352d);
  x = imul(x ^ (x >>> 15), 0x846ca68b);
  return x ^ (x >>> 16);
}

/**
 * `count` values, uniform in ±bound: 24 bits of a hash of the index, times a float32. Each operation is exact or
 * rounds once, so Python gets the same bits.
 */
export function seedValues(count: number, bound: number, stream: number): Float32Array {
  const values = new Float32Array(count);
  const unit = Math.fround(bound / 2 ** 23);
  for (let i = 0; i < count; i++) values[i] = ((hash(i, stream) >>> 8) - 2 ** 23) * unit;
  return values;
}

/**
 * Describes a tensor by 256 of its values and its products with 8 vectors of random signs. For two tensors, the
 * root mean square difference of the products estimates the norm of the difference, so every value counts.
 */
export function fingerprint(values: ArrayLike<number>): Fingerprint {
  const count = values.length;
  const sums = new Float64Array(2 ** PROJECTIONS); // of the values whose eight signs are equal
  let squares = 0;
  let largest = 0;
  for (let i = 0; i < count; i++) {
    const value = values[i];
    squares += value * value;
    if (!(abs(value) <= largest)) largest = abs(value); // also true for NaN
    sums[hash(i, SIGN_STREAM) & (sums.length - 1)] += value;
  }
  const projections = Array.from({ length: PROJECTIONS }, (_, bit) =>
    sums.reduce((total, sum, signs) => total + ((signs >>> bit) & 1 ? sum : -sum), 0),
  );
  const sample = Array.from({ length: Math.min(count, SAMPLES) }, (_, i) =>
    count <= SAMPLES ? values[i] : values[(hash(i, SAMPLE_STREAM) >>> 0) % count],
  );
  return { count, norm: Math.sqrt(squares), max: largest, sample, projections };
}

/** The largest difference in the sample or the root mean square of all differences, whichever is larger. */
export function absolute(ours: Fingerprint, theirs: Fingerprint): number {
  const { largest, norm } = difference(ours, theirs);
  return max(largest, norm / Math.sqrt(theirs.count));
}

/**
 * The largest difference in the sample divided by the tensor's largest value, or the norm of the difference
 * divided by the tensor's norm, whichever is larger.
 */
export function relative(ours: Fingerprint, theirs: Fingerprint): number {
  const { largest, norm } = difference(ours, theirs);
  return max(largest / theirs.max, norm / theirs.norm);
}

function difference(ours: Fingerprint, theirs: Fingerprint): { largest: number; norm: number } {
  if (ours.count !== theirs.count) throw new Error(`${ours.count} values, want ${theirs.count}`);
  const squares = ours.projections.map((p, i) => (p - theirs.projections[i]) ** 2);
  return {
    largest: largestDifference(ours.sample, theirs.sample),
    norm: Math.sqrt(squares.reduce((a, b) => a + b) / squares.length),
  };
}

/** The largest absolute difference of two lists; NaN if either contains one. */
export function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) throw new Error(`${a.length} values, want ${b.length}`);
  let largest = 0;
  for (let i = 0; i < a.length; i++) largest = max(largest, abs(a[i] - b[i]));
  return largest;
}
