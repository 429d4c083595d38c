/** Tensors in a weights file, and reading one of them block by block. */
import type { FileHandle } from 'node:fs/promises';
import { type Check, type Checked, check, objectOf, optional, positiveInteger } from '../checks';
import { InputError, messageOf } from '../errors';
import { infoOf, inputSizeOf, MODEL_INFO } from '../model/index';
import type { tf } from '../tf/index';

export const BYTES = { float32: 4, float16: 2, bfloat16: 2, float64: 8, int64: 8 };

export type StoredType = keyof typeof BYTES;

/** Where and how a file stores a tensor. */
export interface StoredTensor {
  dtype: StoredType;
  shape: number[];
  /** For each dimension, the distance between two neighbours, in elements. */
  strides: number[];
  /** The byte of the file where element (0, 0, …) begins. */
  start: number;
}

/** A dict of tensors in a weights file. */
export interface StateDict {
  /** The names of the entries that lead to it: `state_dict`. Empty if the file holds nothing else. */
  name: string;
  tensors: ReadonlyMap<string, { shape: number[] }>;
  /** Finds a tensor in the file. Throws InputError if it is not where it should be. */
  place(key: string): StoredTensor | Promise<StoredTensor>;
}

/** The dicts of a weights file, and its note if it is one of ours. */
export interface WeightsFile {
  dicts: StateDict[];
  note?: Note;
}

/** A tensor to write, in PyTorch's order. `read` fetches its values when they are needed. */
export interface TensorSource {
  key: string;
  dtype: 'float32' | 'int64';
  shape: readonly number[];
  read(): Promise<Float32Array | BigInt64Array>;
}

/** A note in our own files: what does not follow from the weights. PyTorch ignores it. */
export const NOTE = objectOf({ inputSize: positiveInteger, info: optional(MODEL_INFO) });
export type Note = Checked<typeof NOTE>;

export function noteOf(model: tf.LayersModel): Note {
  return { inputSize: inputSizeOf(model), info: infoOf(model) };
}

/** Throws InputError if `json` is not JSON or does not pass `wanted`. Messages call it `name`. */
export function parseJson<T>(json: string | Buffer, wanted: Check<T>, name: string): T {
  let value: unknown;
  try {
    value = JSON.parse(json.toString());
  } catch (error) {
    throw new InputError(`${name} is not JSON: ${messageOf(error)}`);
  }
  return check(wanted, value, name);
}

/** A name from a file, for a message. In quotes unless it is plain. */
export function quoted(name: string): string {
  return /^[\w./]+$/.test(name) ? name : JSON.stringify(name);
}

/** The strides of a tensor in row-major order. */
export function rowMajor(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length).fill(1);
  for (let d = shape.length - 2; d >= 0; d--) strides[d] = strides[d + 1] * shape[d + 1];
  return strides;
}

export function product(sizes: readonly number[]): number {
  return sizes.reduce((a, b) => a * b, 1);
}

/**
 * The number of elements from the first to the last of a tensor in its storage. Undefined if elements overlap,
 * as after `expand()`: such a tensor could claim any size.
 */
export function extent(shape: readonly number[], strides: readonly number[]): number | undefined {
  if (shape.includes(0)) return 0;
  const axes = shape
    .map((size, d) => ({ size, stride: strides[d] }))
    .filter(({ size }) => size > 1)
    .sort((a, b) => a.stride - b.stride);
  let span = 1;
  for (const { size, stride } of axes) {
    if (stride < span) return undefined;
    span += (size - 1) * stride;
  }
  return span;
}

/** How much to read at a time. The event loop runs between two blocks. */
const BLOCK_BYTES = 4 << 20;

/**
 * Reads a tensor as float32, in row-major order. Needs memory for the result and one block. `onRead` gets the
 * number of elements read so far. Throws InputError, without path and key, if the file is truncated or a value is
 * NaN or infinite.
 */
export async function readTensor(
  file: FileHandle,
  { dtype, shape, strides, start }: StoredTensor,
  onRead: (elements: number) => void,
): Promise<Float32Array> {
  const bytes = BYTES[dtype];
  const span = extent(shape, strides)!;
  const places = rowMajor(shape);
  // In the order of the file, so that `from` only grows.
  const axes = shape
    .map((size, d) => ({ size, stride: strides[d], place: places[d], index: 0 }))
    .sort((a, b) => a.stride - b.stride);
  const values = new Float32Array(product(shape));
  let block: Float32Array = new Float32Array(0);
  let [first, from, to, bad] = [0, 0, 0, 0];
  for (let done = 0; done < values.length; done++) {
    if (from >= first + block.length) {
      first = from;
      const length = Math.min(BLOCK_BYTES, bytes * (span - first));
      block = toFloat32(
        await readBytes(file, new Uint8Array(length), start + bytes * first),
        dtype,
      );
      onRead(done);
    }
    const value = block[from - first];
    if (value - value !== 0) bad++;
    values[to] = value;
    for (const axis of axes) {
      from += axis.stride;
      to += axis.place;
      if (++axis.index < axis.size) break;
      from -= axis.stride * axis.size;
      to -= axis.place * axis.size;
      axis.index = 0;
    }
  }
  onRead(values.length);
  if (bad > 0) {
    throw new InputError(`${bad} of its ${values.length} values are NaN or infinite`);
  }
  return values;
}

/** Fills `target` from byte `position` on, and returns it. */
export async function readBytes<T extends Uint8Array>(
  file: FileHandle,
  target: T,
  position: number,
): Promise<T> {
  let done = 0;
  while (done < target.length) {
    const { bytesRead } = await file.read(target, done, target.length - done, position + done);
    if (bytesRead === 0) throw new InputError(`truncated: it ends at byte ${position + done}`);
    done += bytesRead;
  }
  return target;
}

/** Converts `bytes`, which must begin at the start of its buffer. */
export function toFloat32({ buffer, length }: Uint8Array, dtype: StoredType): Float32Array {
  const count = length / BYTES[dtype];
  if (dtype === 'float32') return new Float32Array(buffer, 0, count);
  if (dtype === 'float64') return new Float32Array(new Float64Array(buffer, 0, count));
  if (dtype === 'int64') return Float32Array.from(new BigInt64Array(buffer, 0, count), Number);
  const halves = new Uint16Array(buffer, 0, count);
  const bits = new Uint32Array(count);
  const values = new Float32Array(bits.buffer);
  for (let i = 0; i < count; i++) {
    const half = halves[i];
    if (dtype === 'bfloat16') {
      bits[i] = half << 16; // the upper half of a float32
    } else if ((half & 0x7c00) === 0x7c00) {
      values[i] = Number.NaN; // infinity or NaN: `readTensor` refuses both
    } else {
      // Move sign, exponent and fraction to their places in a float32. Its exponent has a bias of 127, not 15.
      bits[i] = ((half & 0x8000) << 16) | ((half & 0x7fff) << 13);
      values[i] *= 2 ** 112;
    }
  }
  return values;
}
