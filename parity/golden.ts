/** What parity/reference/parity.py wrote, and what it and we compute alike. */
import fs from 'node:fs';
import path from 'node:path';
import zlib from 'node:zlib';

/** A tensor in a few numbers: see `digest`. */
export interface Digest {
  count: number;
  /** √Σ x² */
  norm: number;
  /** The largest |x|. */
  max: number;
  sample: number[];
  projections: number[];
}

/** With how far PyTorch's float32 is from its own float64, in the measure that is asked for. */
export type Rounded<T> = T & { rounding: number };

export interface Golden {
  torch: string;
  network: {
    /** Numbers of the test images. */
    digits: number[];
    /** SHA-256 of each parameter, by PyTorch's name. */
    weights: Record<string, string>;
    layers: Record<string, Rounded<Digest>>;
    softmax: Rounded<{ values: number[] }>;
    loss: Rounded<{ value: number }>;
    gradients: Record<string, Rounded<Digest>>;
  };
  curve: Rounded<{ batchSize: number; inputSize: number; widths: number[]; losses: number[] }>;
  accumulation: {
    updates: number;
    accumulationSteps: number;
    batchSize: number;
    inputSize: number;
    widths: number[];
    right: Accumulated;
    large: Accumulated;
    article: { losses: number[]; discarded: number; weights: Rounded<Digest> };
  };
  initialisation: Record<string, Statistics & { fanIn: number }>;
  dropout: { rate: number; count: number; zeros: number; kept: number }[];
  /** The network's input for each grey value. */
  normalised: number[];
}

interface Accumulated {
  losses: number[];
  /** Of the first update, all parameters one after the other. */
  gradient: Rounded<Digest>;
  weights: Rounded<Digest>;
}

export interface Statistics {
  count: number;
  mean: number;
  deviation: number;
  min: number;
  max: number;
}

export function readGolden(): Golden {
  return JSON.parse(readReference('parity.json.gz').toString());
}

/** A gzipped file of parity/golden, unpacked. */
export function readReference(name: string): Buffer {
  return zlib.gunzipSync(fs.readFileSync(path.join(__dirname, 'golden', name)));
}

// jest looks `Math` up anew at each use, which takes longer than what is used, and here it is millions of times.
const { abs, imul, max: larger } = Math;

const SAMPLE_STREAM = 1000;
const SIGN_STREAM = 1001;
const SAMPLES = 256;
const PROJECTIONS = 8;

/** An integer hash of `index` ("lowbias32"), another one for each stream: 32 bits. */
function hashed(index: number, stream: number): number {
  let x = (index + imul(stream + 1, 0x9e3779b9)) | 0;
  x = imul(x ^ (x >>> 16), 0x7feb352d);
  x = imul(x ^ (x >>> 15), 0x846ca68b);
  return x ^ (x >>> 16);
}

/** Uniform in ±bound: 24 bits of the hash, times a float32. Every operation is exact or rounds once. */
export function seedValues(count: number, bound: number, stream: number): Float32Array {
  const values = new Float32Array(count);
  const step = Math.fround(bound / 2 ** 23);
  for (let i = 0; i < count; i++) values[i] = ((hashed(i, stream) >>> 8) - 2 ** 23) * step;
  return values;
}

/**
 * A tensor in a few numbers: 256 of its values, and its product with 8 vectors of random signs. The
 * difference of two tensors' products is as large, in the mean square, as the norm of the tensors'
 * difference: so every value counts.
 */
export function digest(values: ArrayLike<number>): Digest {
  const count = values.length;
  const projections = new Array<number>(PROJECTIONS).fill(0);
  let squares = 0;
  let max = 0;
  for (let i = 0; i < count; i++) {
    const value = values[i];
    squares += value * value;
    // Compared so that NaN is kept.
    if (!(abs(value) <= max)) max = abs(value);
    const signs = hashed(i, SIGN_STREAM);
    for (let bit = 0; bit < PROJECTIONS; bit++) {
      projections[bit] += (signs >>> bit) & 1 ? value : -value;
    }
  }
  const sample = Array.from({ length: Math.min(count, SAMPLES) }, (_, i) =>
    count <= SAMPLES ? values[i] : values[(hashed(i, SAMPLE_STREAM) >>> 0) % count],
  );
  return { count, norm: Math.sqrt(squares), max, sample, projections };
}

/** The largest difference of the sample, or the root mean square of all differences if that is more. */
export function absolute(ours: Digest, theirs: Digest): number {
  const { largest, norm } = difference(ours, theirs);
  return Math.max(largest, norm / Math.sqrt(theirs.count));
}

/** The same in parts of the tensor: of its largest value, or of its norm. */
export function relative(ours: Digest, theirs: Digest): number {
  const { largest, norm } = difference(ours, theirs);
  return Math.max(largest / theirs.max, norm / theirs.norm);
}

function difference(ours: Digest, theirs: Digest): { largest: number; norm: number } {
  if (ours.count !== theirs.count) throw new Error(`${ours.count} values, want ${theirs.count}`);
  const squares = ours.projections.map((p, i) => (p - theirs.projections[i]) ** 2);
  return {
    largest: largestDifference(ours.sample, theirs.sample),
    norm: Math.sqrt(squares.reduce((a, b) => a + b) / squares.length),
  };
}

/** The largest absolute difference of two lists; NaN if there is one in either. */
export function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) throw new Error(`${a.length} values, want ${b.length}`);
  let largest = 0;
  for (let i = 0; i < a.length; i++) largest = larger(largest, abs(a[i] - b[i]));
  return largest;
}
