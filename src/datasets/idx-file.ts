import fs from 'node:fs';
import zlib from 'node:zlib';
import { IMAGES_MAGIC, LABELS_MAGIC } from '../data/index';
import { InputError, messageOf } from '../errors';

/** The largest size after unpacking: five times MNIST's training images. */
const MAX_UNPACKED_BYTES = 256 * 1024 * 1024;

/** Reads an IDX file, gzipped or not, whatever its name says. Throws InputError. */
export function readIdxFile(file: string): Uint8Array {
  try {
    const bytes = fs.readFileSync(file);
    return bytes[0] === 0x1f && bytes[1] === 0x8b ? unpack(bytes) : bytes;
  } catch (error) {
    throw new InputError(`${file}: cannot be read: ${messageOf(error)}`);
  }
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
