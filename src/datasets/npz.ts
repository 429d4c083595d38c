/** NumPy's archives, such as Keras's mnist.npz: a ZIP with one array per file. */
import fs from 'node:fs';
import { unzipSync } from 'fflate';
import { DIGITS, type ImageSet, type Split } from '../data/index';
import { InputError, messageOf } from '../errors';

interface NumpyArray {
  shape: number[];
  values: ArrayLike<number>;
}

/** Reads `x_train` and `y_train`, or `x_test` and `y_test`: [n, height, width] or [n, height, width, 3], and [n]. */
export function readNpz(file: string, split: Split): ImageSet {
  const wanted = [`x_${split}.npy`, `y_${split}.npy`];
  let found: Record<string, Uint8Array>;
  try {
    found = unzipSync(fs.readFileSync(file), { filter: ({ name }) => wanted.includes(name) });
  } catch (error) {
    throw new InputError(`${file}: not a .npz archive that can be read: ${messageOf(error)}`);
  }
  const missing = wanted.find((name) => !found[name]);
  if (missing) throw new InputError(`${file}: holds no ${missing.replace('.npy', '')}`);
  const [images, labels] = wanted.map((name) => parseNpy(found[name], `${file}: ${name}`));
  const [length, height, width, channels = 1] = images.shape;
  if (![3, 4].includes(images.shape.length) || ![1, 3].includes(channels) || length < 1) {
    throw new InputError(`${file}: x_${split} is [${images.shape}], want [n, height, width]`);
  }
  if (!(images.values instanceof Uint8Array)) {
    throw new InputError(`${file}: x_${split} does not hold bytes, 0 to 255`);
  }
  const classes = Math.max(10, 1 + largest(labels.values));
  const bad = Array.from(labels.values).find((label) => !Number.isInteger(label) || label < 0);
  if (labels.values.length !== length || bad !== undefined || classes > 65_536) {
    throw new InputError(`${file}: y_${split} is not ${length} labels from 0`);
  }
  const names = Array.from({ length: classes }, (_, label) => String(label));
  return {
    ...{ name: `MNIST ${split}`, pixels: images.values, labels: Uint16Array.from(labels.values) },
    ...{ length, height, width, channels, classNames: classes === 10 ? DIGITS : names },
  };
}

const largest = (values: ArrayLike<number>) =>
  Array.from(values).reduce((most, value) => Math.max(most, value), 0);

/** Format: numpy.lib.format, versions 1 to 3. Python objects are pickles, which are never read. */
function parseNpy(bytes: Uint8Array, name: string): NumpyArray {
  const text = (from: number, to: number) =>
    Buffer.from(bytes.subarray(from, to)).toString('latin1');
  if (text(0, 6) !== '\x93NUMPY') throw new InputError(`${name}: not a NumPy array`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [start, size] =
    bytes[6] === 1 ? [10, view.getUint16(8, true)] : [12, view.getUint32(8, true)];
  const header = text(start, start + size);
  const type = header.match(/'descr': '([^']+)'/)?.[1] ?? '';
  const shape = (header.match(/'shape': \(([^)]*)\)/)?.[1] ?? '').match(/\d+/g)?.map(Number) ?? [];
  if (type.endsWith('O')) throw new InputError(`${name}: holds Python objects, which are not read`);
  if (/'fortran_order': True/.test(header)) throw new InputError(`${name}: in Fortran order`);
  const count = shape.reduce((a, b) => a * b, 1);
  const readers: Record<string, [bytes: number, read: (at: number) => number]> = {
    '|u1': [1, (at) => view.getUint8(at)],
    '|i1': [1, (at) => view.getInt8(at)],
    '<i2': [2, (at) => view.getInt16(at, true)],
    '<i4': [4, (at) => view.getInt32(at, true)],
    '<i8': [8, (at) => Number(view.getBigInt64(at, true))],
    '<u8': [8, (at) => Number(view.getBigUint64(at, true))],
  };
  const reader = readers[type];
  if (!reader) throw new InputError(`${name}: numbers of type ${type}, want whole numbers`);
  const [width, read] = reader;
  const data = start + size;
  if (bytes.length !== data + count * width) {
    throw new InputError(`${name}: ${bytes.length} bytes, want ${data + count * width}`);
  }
  if (type === '|u1') return { shape, values: bytes.subarray(data) };
  return { shape, values: Array.from({ length: count }, (_, i) => read(data + i * width)) };
}
