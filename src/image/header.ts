/**
 * Reads the header of an image file without decoding it. A file of a few kilobytes can hold a picture of
 * gigabytes, and a decoder allocates that memory first.
 */

export interface Header {
  format: 'PNG' | 'JPEG' | 'GIF' | 'BMP' | 'TIFF';
  /** Size of the largest picture in the file. */
  width: number;
  height: number;
  /** GIF and TIFF can hold several. */
  pictures: number;
  /** False if the file ends too early. */
  complete: boolean;
}

interface File {
  bytes: Uint8Array;
  view: DataView;
}

/** Returns undefined if the file has none of these formats. Throws RangeError if it ends within the header. */
export function readHeader(bytes: Uint8Array): Header | undefined {
  const file = { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength) };
  const startsWith = (text: string) => holds(bytes, text, 0);
  if (startsWith('\x89PNG\r\n\x1a\n')) return png(file);
  if (startsWith('\xff\xd8')) return jpeg(file);
  if (startsWith('GIF87a') || startsWith('GIF89a')) return gif(file);
  if (startsWith('BM')) return bmp(file);
  if (startsWith('II*\0') || startsWith('MM\0*')) return tiff(file);
  return undefined;
}

/** Whether the bytes of `text` are at `at`. */
function holds(bytes: Uint8Array, text: string, at: number): boolean {
  return [...text].every((character, i) => bytes[at + i] === character.charCodeAt(0));
}

/** Whether the bytes of `text` are anywhere from `at` on. */
function includes(bytes: Uint8Array, text: string, at: number): boolean {
  const first = text.charCodeAt(0);
  for (let i = bytes.indexOf(first, at); i >= 0; i = bytes.indexOf(first, i + 1)) {
    if (holds(bytes, text, i)) return true;
  }
  return false;
}

function png({ bytes, view }: File): Header {
  return {
    format: 'PNG',
    width: view.getUint32(16),
    height: view.getUint32(20),
    pictures: 1,
    complete: includes(bytes, 'IEND', 8),
  };
}

function jpeg({ bytes, view }: File): Header | undefined {
  let at = 2;
  for (;;) {
    if (view.getUint8(at) !== 0xff) return undefined;
    const marker = view.getUint8(at + 1);
    // SOF0 to SOF15, except DHT, JPG and DAC.
    if (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)) break;
    // A marker may follow any number of 0xff.
    at += marker === 0xff ? 1 : 2 + view.getUint16(at + 2);
  }
  return {
    format: 'JPEG',
    height: view.getUint16(at + 5),
    width: view.getUint16(at + 7),
    pictures: 1,
    // Only after the header, because a thumbnail in it has its own end marker.
    complete: includes(bytes, '\xff\xd9', at),
  };
}

function gif({ view }: File): Header {
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
      // The data: blocks, each after its length, up to an empty one.
      while (view.getUint8(at) !== 0) at += 1 + view.getUint8(at);
      at += 1;
    }
  } catch {
    return header; // ends too early
  }
}

function bmp({ bytes, view }: File): Header {
  const isOld = view.getUint32(14, true) === 12;
  return {
    format: 'BMP',
    width: Math.abs(isOld ? view.getUint16(18, true) : view.getInt32(18, true)),
    // Negative if the top row comes first.
    height: Math.abs(isOld ? view.getUint16(20, true) : view.getInt32(22, true)),
    pictures: 1,
    complete: bytes.length >= view.getUint32(2, true),
  };
}

const [WIDTH, HEIGHT] = [256, 257];
/** The tags of strips and of tiles: where their data start, and how many bytes they have. */
const STARTS = [273, 324];
const LENGTHS = [279, 325];

function tiff({ bytes, view }: File): Header {
  const little = holds(bytes, 'I', 0);
  const short = (at: number) => view.getUint16(at, little);
  const long = (at: number) => view.getUint32(at, little);
  const header = { format: 'TIFF' as const, width: 0, height: 0, pictures: 0, complete: true };
  const list = (entry: number) => {
    const [size, read] = short(entry + 2) === 3 ? [2, short] : [4, long];
    const count = long(entry + 4);
    const start = count * size > 4 ? long(entry + 8) : entry + 8;
    // Never more than the file has room for.
    return Array.from({ length: Math.min(count, bytes.length / size) }, (_, i) =>
      read(start + i * size),
    );
  };
  // Directories can form a ring. A thousand pictures are enough to refuse the file.
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
    const fits = (start: number, i: number) => start + (lengths[i] ?? 0) <= bytes.length;
    header.complete = header.complete && values(...STARTS).every(fits);
    at = long(end);
  }
  return header;
}
