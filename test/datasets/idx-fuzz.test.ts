/**
 * Damaged files of every kind: each is refused with an InputError, or what is read agrees with the file's own header;
 * none hangs, and none makes the program allocate much more than the file's honest size.
 */
import fs from 'node:fs';
import path from 'node:path';
import zlib from 'node:zlib';
import type { ImageSet } from '../../src/data/index';
import { randomUniform } from '../../src/data/random';
import { loadImages } from '../../src/datasets/index';
import { InputError } from '../../src/errors';
import { folderOf, idxImages, idxLabels, temporaryFolder } from '../support/idx';

const ROUNDS = 2000;
const SEED = Number(process.env.FUZZ_SEED ?? 6);
/** Buffers that do not depend on the file: its packed form, zlib's window and chunks, the look at its header. */
const CONSTANT_BYTES = 2 * 1024 * 1024;

const temporary = temporaryFolder();
const random = randomUniform(SEED);
const below = (limit: number) => Math.floor(random() * limit);
const pick = <T>(list: readonly T[]) => list[below(list.length)];

const images = idxImages(20, 9, 11, (i) => (i * i) % 251);
const labels = idxLabels(Array.from({ length: 20 }, (_, i) => i % 10));

const HEADER_VALUES = [0, 1, 9, 10, 11, 19, 21, 255, 2049, 2051, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1];

/** Bytes of all that was read and unpacked since the last look. (The heap's own count misses what was freed.) */
let allocated = 0;
beforeAll(() => {
  const { readFileSync } = fs;
  const { gunzipSync } = zlib;
  jest.spyOn(fs, 'readFileSync').mockImplementation(((...args: Parameters<typeof readFileSync>) => {
    const content = readFileSync(...args);
    allocated += content.length;
    return content;
  }) as typeof readFileSync);
  jest.spyOn(zlib, 'gunzipSync').mockImplementation((packed, options) => {
    try {
      const content = gunzipSync(packed, options);
      allocated += content.length;
      return content;
    } catch (error) {
      const isTooLarge = (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE';
      allocated += isTooLarge ? (options?.maxOutputLength ?? 0) : 0;
      throw error;
    }
  });
});
afterAll(() => jest.restoreAllMocks());

/** What a disk, a download or a hand can do to a file. */
const mutations: Record<string, (file: Buffer) => Buffer> = {
  'bit flips': (file) => {
    for (let i = 0; i <= below(4); i++) file[below(file.length)] ^= 1 << below(8);
    return file;
  },
  'a bit flip in the header': (file) => {
    file[below(Math.min(20, file.length))] ^= 1 << below(8);
    return file;
  },
  truncation: (file) => file.subarray(0, below(file.length)),
  'truncation near the end': (file) => file.subarray(0, file.length - 1 - below(8)),
  'more bytes': (file) => Buffer.concat([file, bytes(1 + below(100))]),
  'a splice': (file) => {
    const [from, to] = [below(file.length), below(file.length)];
    return Buffer.concat([file.subarray(0, from), file.subarray(to)]);
  },
  'bytes of another file': (file) => {
    const other = pick([images, labels, zlib.gzipSync(images), zlib.gzipSync(labels)]);
    const at = below(file.length);
    return Buffer.concat([file.subarray(0, at), other.subarray(below(other.length))]);
  },
  'a wrong header': (file) => {
    if (file.length >= 16) file.writeUInt32BE(pick(HEADER_VALUES), 4 * below(4));
    return file;
  },
  noise: () => bytes(below(3000)),
};

function bytes(length: number): Buffer {
  return Buffer.from(Array.from({ length }, () => below(256)));
}

/** One of the two files damaged, before or after it is packed. */
function damaged(file: Buffer): { what: string; packed: boolean; content: Buffer } {
  const packed = random() < 0.6;
  const what = pick(Object.keys(mutations));
  const before = packed && random() < 0.4;
  const plain = before || !packed ? mutations[what](Buffer.from(file)) : file;
  const content = packed ? zlib.gzipSync(plain, { level: pick([0, 1, 6, 9]) }) : plain;
  return {
    what: `${what}${packed ? (before ? ', then gzip' : ' in the gzip file') : ''}`,
    packed,
    content: packed && !before ? mutations[what](content) : content,
  };
}

/** Whether the set is what the files' headers say, read here by hand. */
function agrees(set: ImageSet, imagesFile: Buffer, labelsFile: Buffer): boolean {
  return (
    [set.length, set.height, set.width].every(
      (size, i) => size === imagesFile.readUInt32BE(4 + 4 * i),
    ) &&
    set.length === labelsFile.readUInt32BE(4) &&
    imagesFile.subarray(16).equals(Buffer.from(set.pixels)) &&
    labelsFile.subarray(8).equals(Buffer.from(set.labels)) &&
    set.labels.every((label) => label < set.classNames.length)
  );
}

const unpacked = (content: Buffer, packed: boolean) =>
  packed ? zlib.gunzipSync(content) : content;

test(`${ROUNDS} damaged datasets: an InputError, or what the header says`, async () => {
  const counts = { refused: 0, read: 0 };
  const folder = folderOf(temporary, 'damaged', { readme: '' });
  for (let round = 0; round < ROUNDS; round++) {
    const isImages = random() < 0.6;
    const { what, packed, content } = damaged(isImages ? images : labels);
    const [imagesFile, labelsFile] = isImages ? [content, labels] : [images, content];
    const names = [
      `t10k-images-idx3-ubyte${isImages && packed ? '.gz' : ''}`,
      `t10k-labels-idx1-ubyte${!isImages && packed ? '.gz' : ''}`,
    ];
    fs.writeFileSync(path.join(folder, names[0]), imagesFile);
    fs.writeFileSync(path.join(folder, names[1]), labelsFile);
    const told = `seed ${SEED}, round ${round}: ${isImages ? 'images' : 'labels'}, ${what}`;
    const honest = images.length + labels.length + content.length;
    allocated = 0;
    const start = performance.now();
    let set: ImageSet | undefined;
    try {
      set = await loadImages(folder, 'test');
    } catch (error) {
      if (!(error instanceof InputError)) throw new Error(`${told}: ${String(error)}`);
      if (error.message.includes('\n')) throw new Error(`${told}: several lines: ${error.message}`);
      counts.refused++;
    }
    if (allocated > 2 * honest + CONSTANT_BYTES) throw new Error(`${told}: ${allocated} bytes`);
    if (performance.now() - start > 5000) throw new Error(`${told}: over 5 s`);
    if (set) {
      counts.read++;
      const isRight = agrees(
        set,
        unpacked(imagesFile, isImages && packed),
        unpacked(labelsFile, !isImages && packed),
      );
      if (!isRight) throw new Error(`${told}: what was read is not what the header says`);
    }
    for (const name of names) fs.rmSync(path.join(folder, name));
  }
  // Both must happen, or the damage is too heavy or too light to test anything.
  expect(counts.refused).toBeGreaterThan(ROUNDS / 2);
  expect(counts.read).toBeGreaterThan(ROUNDS / 50);
});

test('undamaged files are read, gzipped or not', async () => {
  for (const [ending, pack] of [
    ['', Buffer.from],
    ['.gz', zlib.gzipSync],
  ] as const) {
    const folder = folderOf(temporary, `whole${ending}`, {
      [`t10k-images-idx3-ubyte${ending}`]: pack(images) as Buffer,
      [`t10k-labels-idx1-ubyte${ending}`]: pack(labels) as Buffer,
    });
    expect(agrees(await loadImages(folder, 'test'), images, labels)).toBe(true);
  }
});

/** A gzip file that unpacks to `content` and then `zeros` zero bytes. */
const bomb = (content: Buffer, zeros: number) =>
  zlib.gzipSync(Buffer.concat([content, Buffer.alloc(zeros)]));

test.each<[string, Buffer]>([
  ['more than its header says', bomb(images, 64e6)],
  ['far more than it says and no header', bomb(Buffer.alloc(16, 1), 64e6)],
  [
    'nothing for long, then much',
    Buffer.concat([longName(100_000), bomb(images, 64e6).subarray(10)]),
  ],
])('a small gzip file that unpacks to %s is refused before that', async (name, content) => {
  const folder = folderOf(temporary, name, {
    't10k-images-idx3-ubyte.gz': content,
    't10k-labels-idx1-ubyte': labels,
  });
  allocated = 0;
  await expect(loadImages(folder, 'test')).rejects.toThrow(InputError);
  expect(allocated).toBeLessThan(2 * content.length + CONSTANT_BYTES);
});

/** A gzip header with a file name of that length. */
function longName(length: number): Buffer {
  return Buffer.concat([
    Buffer.from([0x1f, 0x8b, 8, 8, 0, 0, 0, 0, 0, 3]),
    Buffer.alloc(length, 'x'),
    Buffer.alloc(1),
  ]);
}

test('only regular files are read', async () => {
  const pipes = folderOf(temporary, 'pipes', { 't10k-labels-idx1-ubyte': labels });
  fs.symlinkSync('/dev/zero', path.join(pipes, 't10k-images-idx3-ubyte'));
  await expect(loadImages(pipes, 'test')).rejects.toThrow('pipes: no images for test');
});
