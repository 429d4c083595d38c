/**
 * What an image file's header says, read without decoding: a file of some kilobytes can hold a picture of
 * gigabytes, and a decoder asks for the memory first.
 */

export type Format = 'PNG' | 'JPEG' | 'GIF' | 'BMP' | 'TIFF';

export interface Header {
  format: Format;
  /** Of the largest picture in the file. */
  width: number;
  height: number;
  /** GIF and TIFF can hold several. */
  pictures: number;
  /** The file ends where the format says that it does (false: it is cut off). */
  complete: boolean;
}

/** The header of an image file, or undefined if it is none of the formats. Throws RangeError where it is cut off. */
export function readHeader(file: Buffer): Header | undefined {
  const starts = (...signatures: string[]) =>
    signatures.some((s) => file.subarray(0, s.length).toString('latin1') === s);
  if (starts('\x89PNG\r\n\x1a\n')) return png(file);
  if (starts('\xff\xd8')) return jpeg(file);
  if (starts('GIF87a', 'GIF89a')) return gif(file);
  if (starts('BM')) return bmp(file);
  if (starts('II*\0', 'MM\0*')) return tiff(file);
  return undefined;
}

function png(file: Buffer): Header {
  return {
    format: 'PNG',
    width: file.readUInt32BE(16),
    height: file.readUInt32BE(20),
    pictures: 1,
    complete: file.lastIndexOf('IEND') > 0,
  };
}

function jpeg(file: Buffer): Header | undefined {
  let at = 2;
  for (;;) {
    if (file.readUInt8(at) !== 0xff) return undefined;
    const marker = file.readUInt8(at + 1);
    if (marker === 0xff) {
      at += 1; // filling
      continue;
    }
    // SOF0 to SOF15, but for DHT, JPG and DAC, which lie between them.
    if (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)) break;
    at += 2 + file.readUInt16BE(at + 2);
  }
  return {
    format: 'JPEG',
    height: file.readUInt16BE(at + 5),
    width: file.readUInt16BE(at + 7),
    pictures: 1,
    // Searched after the header, since a preview in it has an end marker of its own.
    complete: file.indexOf('\xff\xd9', at, 'latin1') > 0,
  };
}

function gif(file: Buffer): Header {
  const header = {
    format: 'GIF' as const,
    width: file.readUInt16LE(6),
    height: file.readUInt16LE(8),
    pictures: 0,
    complete: false,
  };
  const colours = (flags: number) => (flags & 0x80 ? 3 * 2 ** ((flags & 7) + 1) : 0);
  let at = 13 + colours(file.readUInt8(10));
  const skipBlocks = () => {
    while (file.readUInt8(at) !== 0) at += 1 + file.readUInt8(at);
    at += 1;
  };
  try {
    for (;;) {
      const kind = file.readUInt8(at);
      if (kind === 0x21) {
        at += 2;
      } else if (kind === 0x2c) {
        header.pictures++;
        header.width = Math.max(header.width, file.readUInt16LE(at + 5));
        header.height = Math.max(header.height, file.readUInt16LE(at + 7));
        at += 11 + colours(file.readUInt8(at + 9));
      } else {
        header.complete = kind === 0x3b;
        return header;
      }
      skipBlocks();
    }
  } catch {
    return header; // cut off
  }
}

function bmp(file: Buffer): Header {
  const old = file.readUInt32LE(14) === 12;
  return {
    format: 'BMP',
    width: Math.abs(old ? file.readUInt16LE(18) : file.readInt32LE(18)),
    height: Math.abs(old ? file.readUInt16LE(20) : file.readInt32LE(22)), // negative: top row first
    pictures: 1,
    complete: file.length >= file.readUInt32LE(2),
  };
}

const [WIDTH, HEIGHT] = [256, 257];
/** Where the data of strips or tiles start, and how many bytes they are. */
const [STARTS, LENGTHS] = [
  [273, 324],
  [279, 325],
];

function tiff(file: Buffer): Header {
  const little = file.readUInt8(0) === 0x49;
  const short = (at: number) => (little ? file.readUInt16LE(at) : file.readUInt16BE(at));
  const long = (at: number) => (little ? file.readUInt32LE(at) : file.readUInt32BE(at));
  const header = { format: 'TIFF' as const, width: 0, height: 0, pictures: 0, complete: true };
  const list = (entry: number) => {
    const [size, read] = short(entry + 2) === 3 ? [2, short] : [4, long];
    const count = long(entry + 4);
    const start = count * size > 4 ? long(entry + 8) : entry + 8;
    // No more than the file has room for, whatever it says.
    return Array.from({ length: Math.min(count, file.length / size) }, (_, i) =>
      read(start + i * size),
    );
  };
  // A directory that names itself as the next would have no end: a thousand pictures are enough to refuse.
  for (let at = long(4); at !== 0 && header.pictures < 1000; header.pictures++) {
    const entries = short(at);
    const tags = new Map<number, number[]>();
    for (let entry = at + 2; entry < at + 2 + 12 * entries; entry += 12) {
      const tag = short(entry);
      if ([WIDTH, HEIGHT, ...STARTS, ...LENGTHS].includes(tag)) tags.set(tag, list(entry));
    }
    const values = (...wanted: number[]) => wanted.flatMap((tag) => tags.get(tag) ?? []);
    header.width = Math.max(header.width, ...values(WIDTH));
    header.height = Math.max(header.height, ...values(HEIGHT));
    const lengths = values(...LENGTHS);
    const fits = (start: number, i: number) => start + (lengths[i] ?? 0) <= file.length;
    header.complete = header.complete && values(...STARTS).every(fits);
    at = long(at + 2 + 12 * entries);
  }
  return header;
}
