/**
 * The IDX format of the MNIST files.
 *
 * Big-endian: two zero bytes, the element type (0x08: unsigned byte), the number of dimensions,
 * one 32-bit size per dimension, then the elements. The first four bytes, read as one number, are
 * the magic number: 2051 for images, 2049 for labels. Source: the MNIST page of LeCun, Cortes, Burges.
 */
import fs from 'node:fs';
import path from 'node:path';
import zlib from 'node:zlib';
import { InputError, messageOf } from '../errors';

const IMAGES_MAGIC = 2051;
const LABELS_MAGIC = 2049;
/** The largest size after unpacking: five times MNIST's training images. */
const MAX_UNPACKED_BYTES = 256 * 1024 * 1024;

export interface IdxImages {
  /** [length, height, width], one byte per pixel: a view of the file's bytes. */
  pixels: Uint8Array;
  length: number;
  height: number;
  width: number;
}

/** Parses an images file; `name` is used in errors. Throws InputError. */
export function parseIdxImages(bytes: Uint8Array, name: string): IdxImages {
  const [length, height, width] = readSizes(bytes, name, IMAGES_MAGIC, 3);
  if (length < 1 || height < 1 || width < 1) {
    throw new InputError(
      `${name}: holds ${length} images of ${height}×${width}, want at least one`,
    );
  }
  return { pixels: readElements(bytes, name, [length, height, width]), length, height, width };
}

/** Parses a labels file: [length], a view of its bytes. Throws InputError. */
export function parseIdxLabels(bytes: Uint8Array, name: string, classes: number): Uint8Array {
  const [length] = readSizes(bytes, name, LABELS_MAGIC, 1);
  const labels = readElements(bytes, name, [length]);
  const wrong = labels.findIndex((label) => label >= classes);
  if (wrong >= 0) {
    throw new InputError(`${name}: label ${wrong} is ${labels[wrong]}, want 0 to ${classes - 1}`);
  }
  return labels;
}

/** Reads `<directory>/<name>`, or `<name>.gz` unpacked. Throws InputError. */
export function readIdxFile(
  directory: string,
  name: string,
): { bytes: Uint8Array; path: string; name: string } {
  const plain = path.join(directory, name);
  for (const file of [plain, `${plain}.gz`]) {
    const stat = fs.statSync(file, { throwIfNoEntry: false });
    if (!stat) continue;
    if (!stat.isFile()) throw new InputError(`${file}: not a file`); // reading a pipe would never end
    try {
      const bytes = fs.readFileSync(file);
      return { bytes: file === plain ? bytes : unpack(bytes), path: file, name };
    } catch (error) {
      throw new InputError(`${file}: cannot be read: ${messageOf(error)}`);
    }
  }
  throw new InputError(
    `${plain}: no such file, nor ${name}.gz. A data folder holds train-images-idx3-ubyte, ` +
      'train-labels-idx1-ubyte, t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte, directly or in MNIST/raw',
  );
}

/**
 * Unpacks a gzipped IDX file, up to the size its header declares: a small damaged file can unpack to a thousand times
 * its size. Throws Error.
 */
function unpack(packed: Uint8Array): Uint8Array {
  let head: Uint8Array;
  let length = 512;
  do {
    head = zlib.gunzipSync(packed.subarray(0, length), {
      finishFlush: zlib.constants.Z_SYNC_FLUSH, // accept truncated input
      maxOutputLength: 1024 * 1024, // 512 bytes unpack to half as many KiB at most
    });
    length *= 2;
  } while (head.length < 16 && length < 2 * packed.length);
  const declared = declaredBytes(head);
  if (declared === undefined && head.length >= 16) return head; // not IDX: the parser reports it
  const limit = Math.min(Math.max(declared ?? 0, 16), MAX_UNPACKED_BYTES);
  try {
    return zlib.gunzipSync(packed, { maxOutputLength: limit });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_BUFFER_TOO_LARGE') throw error;
    throw new Error(`unpacks to more than ${limit} bytes`);
  }
}

/** The size of the whole file, read from its first bytes; undefined if they are not a known header. */
function declaredBytes(head: Uint8Array): number | undefined {
  if (head.length < 16) return undefined;
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  const magic = view.getUint32(0);
  if (magic === LABELS_MAGIC) return 8 + view.getUint32(4);
  if (magic === IMAGES_MAGIC) {
    return 16 + view.getUint32(4) * view.getUint32(8) * view.getUint32(12);
  }
  return undefined;
}

function readSizes(bytes: Uint8Array, name: string, magic: number, rank: number): number[] {
  const header = 4 + 4 * rank;
  if (bytes.length < header) {
    throw new InputError(
      `${name}: ${bytes.length} bytes, too short for an IDX header of ${header}`,
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const found = view.getUint32(0);
  if (found !== magic) {
    throw new InputError(
      `${name}: magic ${found}${meaning(found)}, want ${magic}${meaning(magic)}`,
    );
  }
  return Array.from({ length: rank }, (_, dimension) => view.getUint32(4 + 4 * dimension));
}

function readElements(bytes: Uint8Array, name: string, sizes: number[]): Uint8Array {
  const header = 4 + 4 * sizes.length;
  const want = header + sizes.reduce((product, size) => product * size, 1);
  if (bytes.length !== want) {
    const what = bytes.length < want ? 'truncated' : 'too long';
    throw new InputError(
      `${name}: ${what}: ${bytes.length} bytes, want ${want} for ${sizes.join('×')}`,
    );
  }
  return bytes.subarray(header);
}

function meaning(magic: number): string {
  if (magic === IMAGES_MAGIC) return ' (images)';
  if (magic === LABELS_MAGIC) return ' (labels)';
  return '';
}
