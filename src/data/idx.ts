/**
 * The IDX format of the MNIST files.
 *
 * Big-endian: two zero bytes, the element type (0x08: unsigned byte), the number of dimensions,
 * one 32-bit size per dimension, then the elements. The first four bytes, read as one number, are
 * the magic number: 2051 for images, 2049 for labels. Source: the MNIST page of LeCun, Cortes, Burges.
 */
import { InputError } from '../errors';

export const IMAGES_MAGIC = 2051;
export const LABELS_MAGIC = 2049;

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
  // Not a Buffer, whose `slice` does not copy.
  return new Uint8Array(bytes.buffer, bytes.byteOffset + header, want - header);
}

function meaning(magic: number): string {
  if (magic === IMAGES_MAGIC) return ' (images)';
  if (magic === LABELS_MAGIC) return ' (labels)';
  return '';
}
