/** Tensors in a weights file, and reading one block by block into the order that the model uses. */
import type { FileHandle } from 'node:fs/promises';
import { type Check, check, objectOf, positiveInteger } from '../checks';
import { InputError, messageOf } from '../errors';

export const BYTES = { float32: 4, float16: 2, bfloat16: 2, float64: 8 };

export type StoredType = keyof typeof BYTES;

/** Where and how a file stores a tensor. */
export interface StoredTensor {
  dtype: StoredType;
  shape: number[];
  /** For each dimension, how many elements lie between two neighbours. */
  strides: number[];
  /** The byte of the file at which element (0, 0, …) begins. */
  start: number;
}

/** The tensors of a weights file by key, and the input size if the file tells it. */
export interface StateDict {
  tensors: Map<string, StoredTensor>;
  inputSize?: number;
}

/** A float32 tensor to write, in PyTorch's order. `read` fetches its values when they are needed. */
export interface TensorSource {
  key: string;
  shape: readonly number[];
  read(): Promise<Float32Array>;
}

/** Our files note the input size, which the weights do not tell. PyTorch ignores the note. */
export const NOTE = objectOf({ inputSize: positiveInteger });

/** Throws InputError if `json` is not JSON or does not pass `wanted`. `name` says what it is. */
export function parseJson<T>(json: string | Buffer, wanted: Check<T>, name: string): T {
  let value: unknown;
  try {
    value = JSON.parse(json.toString());
  } catch (error) {
    throw new InputError(`${name} is not JSON: ${messageOf(error)}`);
  }
  return check(wanted, value, name);
}

/** A name from a file, for a message: in quotes unless it is plain. */
export function quoted(name: string): string {
  return /^[\w./]+$/.test(name) ? name : JSON.stringify(name);
}

/** The strides of a tensor whose last dimension varies fastest. */
export function rowMajor(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length).fill(1);
  for (let d = shape.length - 2; d >= 0; d--) strides[d] = strides[d + 1] * shape[d + 1];
  return strides;
}

export function product(sizes: readonly number[]): number {
  return sizes.reduce((a, b) => a * b, 1);
}

/**
 * How many elements of its storage a tensor spans, from its first element to its last. Undefined if elements
 * overlap, as after `expand()`: such a tensor can claim any size.
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

/** How much to read at a time. The event loop turns after each block. */
const BLOCK_BYTES = 4 << 20;

/**
 * Reads `tensor` as float32 and reorders it: element (i, j, …) goes to i·places[0] + j·places[1] + ….
 * At most four dimensions. Needs memory for the result and one block. `onRead` gets the elements read so far.
 * Throws InputError if the file is too short or a value is NaN or infinite; the message lacks path and key.
 */
export async function readTensor(
  file: FileHandle,
  { dtype, shape, strides, start }: StoredTensor,
  places: readonly number[],
  onRead: (elements: number) => void,
): Promise<Float32Array> {
  const bytes = BYTES[dtype];
  const axes = shape
    .map((size, d) => ({ size, stride: strides[d], place: places[d] }))
    .filter(({ size }) => size > 1)
    .sort((a, b) => b.stride - a.stride);
  // A block is some rows: slices along the axis with the largest stride.
  const [outer = { size: 1, stride: 1, place: 0 }, ...inner] = axes;
  const rowSpan = inner.reduce((sum, { size, stride }) => sum + (size - 1) * stride, 1);
  const spanOf = (rows: number) => (rows - 1) * outer.stride + rowSpan;
  const rows = Math.max(1, Math.floor((BLOCK_BYTES / bytes - rowSpan) / outer.stride) + 1);
  const block = new Uint8Array(bytes * spanOf(Math.min(rows, outer.size)));
  const values = new Float32Array(product(shape));
  let bad = 0;
  for (let row = 0; row < outer.size; row += rows) {
    const size = Math.min(rows, outer.size - row);
    const part = block.subarray(0, bytes * spanOf(size));
    await readBytes(file, part, start + bytes * row * outer.stride);
    const target = values.subarray(row * outer.place);
    // The innermost loop writes neighbours: cache misses cost most in the target, which is the larger one.
    const loops = [{ ...outer, size }, ...inner].sort((a, b) => b.place - a.place);
    bad += copy(toFloat32(part, dtype), target, loops);
    onRead((row + size) * (values.length / outer.size));
  }
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

interface Axis {
  size: number;
  /** Elements between two neighbours in the source. */
  stride: number;
  /** The same in the target. */
  place: number;
}

/** Copies all elements, one axis inside the other. Returns how many of them are NaN or infinite. */
function copy(
  source: Float32Array,
  target: Float32Array,
  [axis, ...inner]: Axis[],
  from = 0,
  to = 0,
): number {
  const { size, stride, place } = axis;
  let bad = 0;
  for (let i = 0; i < size; i++) {
    if (inner.length > 0) {
      bad += copy(source, target, inner, from + i * stride, to + i * place);
    } else {
      const value = source[from + i * stride];
      if (value - value !== 0) bad++;
      target[to + i * place] = value;
    }
  }
  return bad;
}

/** The numbers in `bytes`, which must begin at the start of its buffer. */
export function toFloat32({ buffer, length }: Uint8Array, dtype: StoredType): Float32Array {
  const count = length / BYTES[dtype];
  if (dtype === 'float32') return new Float32Array(buffer, 0, count);
  if (dtype === 'float64') return new Float32Array(new Float64Array(buffer, 0, count));
  const halves = new Uint16Array(buffer, 0, count);
  const bits = new Uint32Array(count);
  const values = new Float32Array(bits.buffer);
  for (let i = 0; i < count; i++) {
    const half = halves[i];
    if (dtype === 'bfloat16') {
      bits[i] = half << 16; // the upper half of a float32
    } else if ((half & 0x7c00) === 0x7c00) {
      values[i] = Number.NaN; // infinite or NaN: `readTensor` refuses both
    } else {
      // Sign, exponent and fraction move to their places in a float32, whose exponent has a bias of 127, not 15.
      bits[i] = ((half & 0x8000) << 16) | ((half & 0x7fff) << 13);
      values[i] *= 2 ** 112;
    }
  }
  return values;
}
