/**
 * Reads the header of an image file without decoding it. A file of a few kilobytes can hold a picture of
 * gigabytes, and a decoder allocates that memory first.
 */

export interface Header {
  format: 'PNG' | 'JPEG' | 'GIF' | 'BMP' | 'TIFF';
  /** Size of the largest picture in the file. */
  width: number;
  height: number;
  /** How many pictures a GIF or a TIFF contains. */
  pictures: number;
  /** False if the file is truncated. */
  complete: boolean;
}

/** Returns undefined for any other format. Throws RangeError if the file ends within the header. */
export function readHeader(bytes: Uint8Array): Header | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const startsWith = (text: string) => holds(bytes, text, 0);
  if (startsWith('\x89PNG\r\n\x1a\n')) {
    return single('PNG', view.getUint32(16), view.getUint32(20), includes(bytes, 'IEND', 8));
  }
  if (startsWith('\xff\xd8')) return jpeg(bytes, view);
  if (startsWith('GIF87a') || startsWith('GIF89a')) return gif(view);
  if (startsWith('BM')) return bmp(view);
  if (startsWith('II*\0') || startsWith('MM\0*')) return tiff(view, startsWith('I'));
  return undefined;
}

/** Whether the bytes at `at` spell `text`. */
function holds(bytes: Uint8Array, text: string, at: number): boolean {
  return [...text].every((character, i) => bytes[at + i] === character.charCodeAt(0));
}

/** Whether any bytes from `at` on spell `text`. */
function includes(bytes: Uint8Array, text: string, at: number): boolean {
  const first = text.charCodeAt(0);
  for (let i = bytes.indexOf(first, at); i >= 0; i = bytes.indexOf(first, i + 1)) {
    if (holds(bytes, text, i)) return true;
  }
  return false;
}

function single(
  format: Header['format'],
  width: number,
  height: number,
  complete: boolean,
): Header {
  return { format, width, height, pictures: 1, complete };
}

function jpeg(bytes: Uint8Array, view: DataView): Header | undefined {
  let at = 2;
  for (;;) {
    if (view.getUint8(at) !== 0xff) return undefined;
    const marker = view.getUint8(at + 1);
    // SOF0 to SOF15, except DHT, JPG and DAC.
    if (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)) break;
    // Any number of 0xff may precede a marker.
    at += marker === 0xff ? 1 : 2 + view.getUint16(at + 2);
  }
  // Search only after the header: a thumbnail in it has its own end marker.
  const complete = includes(bytes, '\xff\xd9', at);
  return single('JPEG', view.getUint16(at + 7), view.getUint16(at + 5), complete);
}

function gif(view: DataView): Header {
  const header = {
    format: 'GIF' as const,
    width: view.getUint16(6, true),
    height: view.getUint16(8, true),
    pictures: 0,
    complete: false,
  };
  const paletteBytes = (flags: number) => (flags & 0x80 ? 3 * 2 ** ((flags & 7) + 1) : 0);
  let at = 13 + paletteBytes(view.getUint8(10));
  try {
    for (;;) {
      const kind = view.getUint8(at);
      if (kind === 0x21) {
        at += 2;
      } else if (kind === 0x2c) {
        header.pictures++;
        header.width = Math.max(header.width, view.getUint16(at + 5, true));
        header.height = Math.max(header.height, view.getUint16(at + 7, true));
        at += 11 + paletteBytes(view.getUint8(at + 9));
      } else {
        header.complete = kind === 0x3b;
        return header;
      }
      // The data are blocks, each preceded by its length. An empty block ends them.
      while (view.getUint8(at) !== 0) at += 1 + view.getUint8(at);
      at += 1;
    }
  } catch {
    return header; // truncated
  }
}

function bmp(view: DataView): Header {
  const isOld = view.getUint32(14, true) === 12;
  const width = isOld ? view.getUint16(18, true) : view.getInt32(18, true);
  // Negative if the top row comes first.
  const height = isOld ? view.getUint16(20, true) : view.getInt32(22, true);
  const complete = view.byteLength >= view.getUint32(2, true);
  return single('BMP', Math.abs(width), Math.abs(height), complete);
}

const [WIDTH, HEIGHT] = [256, 257];
/** The tags with the offsets and the byte counts of the data, in strips or in tiles. */
const STARTS = [273, 324];
const LENGTHS = [279, 325];

function tiff(view: DataView, little: boolean): Header {
  const short = (at: number) => view.getUint16(at, little);
  const long = (at: number) => view.getUint32(at, little);
  const header = { format: 'TIFF' as const, width: 0, height: 0, pictures: 0, complete: true };
  const list = (entry: number) => {
    const [size, read] = short(entry + 2) === 3 ? [2, short] : [4, long];
    const count = long(entry + 4);
    const start = count * size > 4 ? long(entry + 8) : entry + 8;
    // A damaged count must not exceed what fits in the file.
    return Array.from({ length: Math.min(count, view.byteLength / size) }, (_, i) =>
      read(start + i * size),
    );
  };
  // Directories can form a ring. The file is refused anyway if it has more than one picture.
  for (let at = long(4); at !== 0 && header.pictures < 1000; header.pictures++) {
    const end = at + 2 + 12 * short(at);
    const tags = new Map<number, number[]>();
    for (let entry = at + 2; entry < end; entry += 12) {
      const tag = short(entry);
      if ([WIDTH, HEIGHT, ...STARTS, ...LENGTHS].includes(tag)) tags.set(tag, list(entry));
    }
    const values = (...wanted: number[]) => wanted.flatMap((tag) => tags.get(tag) ?? []);
    header.width = Math.max(header.width, ...values(WIDTH));
    header.height = Math.max(header.height, ...values(HEIGHT));
    const lengths = values(...LENGTHS);
    const fits = (start: number, i: number) => start + (lengths[i] ?? 0) <= view.byteLength;
    header.complete = header.complete && values(...STARTS).every(fits);
    at = long(end);
  }
  return header;
}
