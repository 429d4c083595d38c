/** Tensors as they lie in a file, and reading one piece by piece into the order that the model has. */
import type { FileHandle } from 'node:fs/promises';
import { InputError } from '../../errors';

export type StoredType = 'float32' | 'float16' | 'bfloat16' | 'float64';

export const BYTES: Record<StoredType, number> = {
  float32: 4,
  float16: 2,
  bfloat16: 2,
  float64: 8,
};

/** A tensor in a file: its type, its order, and where it begins. Nothing of it has been read. */
export interface StoredTensor {
  dtype: StoredType;
  shape: number[];
  /** By dimension: from one element to the next, in elements. */
  strides: number[];
  /** The byte of the file at which element (0, 0, …) begins. */
  start: number;
}

/** What a weights file holds: tensors by their keys, and the input size if it says so. */
export interface StateDict {
  tensors: Map<string, StoredTensor>;
  inputSize?: number;
}

/** A name out of a file for a message: in quotes if it is anything but plain. */
export function shown(name: string): string {
  return /^[\w.]+$/.test(name) ? name : JSON.stringify(name);
}

/** The strides of a tensor whose last dimension runs fastest. */
export function rowMajor(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length).fill(1);
  for (let d = shape.length - 2; d >= 0; d--) strides[d] = strides[d + 1] * shape[d + 1];
  return strides;
}

export function product(sizes: readonly number[]): number {
  return sizes.reduce((a, b) => a * b, 1);
}

/**
 * From the first element to the last, both included: so many elements a tensor takes in its storage.
 * Undefined if two of its elements would be one, as in `expand()`: such a tensor claims more than its file
 * holds.
 */
export function extent(shape: readonly number[], strides: readonly number[]): number | undefined {
  if (shape.includes(0)) return 0;
  const axes = shape
    .map((size, d) => ({ size, stride: strides[d] }))
    .filter(({ size }) => size > 1);
  let span = 1;
  for (const { size, stride } of bySlowest(axes).reverse()) {
    if (stride < span) return undefined;
    span += (size - 1) * stride;
  }
  return span;
}

/** What is read at once. The event loop turns after each block. */
const BLOCK_BYTES = 4 << 20;

/**
 * Reads `tensor` as float32, in another order: element (i, j, …) is put at i·places[0] + j·places[1] + ….
 * Takes the result and one block of memory. At most four dimensions. `onRead` is told the elements read so far.
 * Throws InputError where the file ends early, or a value is NaN or infinite; the message lacks file and key.
 */
export async function readTensor(
  file: FileHandle,
  tensor: StoredTensor,
  places: readonly number[],
  onRead: (elements: number) => void = () => {},
): Promise<Float32Array> {
  const { dtype, shape, start } = tensor;
  const bytes = BYTES[dtype];
  const axes = shape
    .map((size, d) => ({ size, stride: tensor.strides[d], place: places[d] }))
    .filter(({ size }) => size > 1);
  const [outer = { size: 1, stride: 1, place: 0 }, ...inner] = bySlowest(axes);
  const span = inner.reduce((sum, { size, stride }) => sum + (size - 1) * stride, 1);
  const rows = Math.max(1, Math.floor((BLOCK_BYTES / bytes - span) / outer.stride) + 1);
  const values = new Float32Array(product(shape));
  const length = (count: number) => (count - 1) * outer.stride + span;
  const block = new Uint8Array(bytes * length(Math.min(rows, outer.size)));
  let bad = 0;
  for (let row = 0; row < outer.size; row += rows) {
    const size = Math.min(rows, outer.size - row);
    const part = block.subarray(0, bytes * length(size));
    await readBytes(file, part, start + bytes * row * outer.stride);
    const target = values.subarray(row * outer.place);
    bad += scatter(asFloat32(part, dtype), target, [{ ...outer, size }, ...inner]);
    onRead((row + size) * (values.length / outer.size));
  }
  if (bad > 0) {
    throw new InputError(`${bad} of its ${values.length} values are NaN or infinite`);
  }
  return values;
}

/** Fills `target` from the byte `position` on. */
export async function readBytes(
  file: FileHandle,
  target: Uint8Array,
  position: number,
): Promise<void> {
  let done = 0;
  while (done < target.length) {
    const { bytesRead } = await file.read(target, done, target.length - done, position + done);
    if (bytesRead === 0) {
      throw new InputError(`truncated: it ends at byte ${position + done}, want more`);
    }
    done += bytesRead;
  }
}

interface Axis {
  size: number;
  /** From one element to the next, in the source. */
  stride: number;
  /** The same in the target. */
  place: number;
}

function bySlowest<T extends { stride: number }>(axes: T[]): T[] {
  return axes.sort((a, b) => b.stride - a.stride);
}

/** Copies by the axes' strides; answers how many values are not finite. */
function scatter(source: Float32Array, target: Float32Array, axes: Axis[]): number {
  // The target's fastest axis innermost: it is the larger of the two, so its caches count more.
  const sorted = [...axes].sort((x, y) => y.place - x.place);
  while (sorted.length < 4) sorted.unshift({ size: 1, stride: 0, place: 0 });
  const [a, b, c, d] = sorted;
  let bad = 0;
  for (let i = 0; i < a.size; i++) {
    for (let j = 0; j < b.size; j++) {
      for (let k = 0; k < c.size; k++) {
        let from = i * a.stride + j * b.stride + k * c.stride;
        let to = i * a.place + j * b.place + k * c.place;
        for (let l = 0; l < d.size; l++) {
          const value = source[from];
          if (value - value !== 0) bad++;
          target[to] = value;
          from += d.stride;
          to += d.place;
        }
      }
    }
  }
  return bad;
}

/** The numbers in `bytes`, which begin at the start of their buffer. */
function asFloat32(bytes: Uint8Array, dtype: StoredType): Float32Array {
  const length = bytes.length / BYTES[dtype];
  switch (dtype) {
    case 'float32':
      return new Float32Array(bytes.buffer, 0, length);
    case 'float64':
      return new Float32Array(new Float64Array(bytes.buffer, 0, length));
    case 'float16': {
      halves ??= Float32Array.from({ length: 1 << 16 }, (_, bits) => float16(bits));
      return lookUp(new Uint16Array(bytes.buffer, 0, length), halves);
    }
    case 'bfloat16': {
      // The upper half of a float32.
      const bits = new Uint32Array(new Uint16Array(bytes.buffer, 0, length));
      for (let i = 0; i < length; i++) bits[i] <<= 16;
      return new Float32Array(bits.buffer);
    }
  }
}

/** Every number of half precision, once it is needed. */
let halves: Float32Array | undefined;

function lookUp(bits: Uint16Array, table: Float32Array): Float32Array {
  const values = new Float32Array(bits.length);
  for (let i = 0; i < bits.length; i++) values[i] = table[bits[i]];
  return values;
}

/** IEEE 754 half precision: 1 bit sign, 5 bits exponent, 10 bits fraction. */
export function float16(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
