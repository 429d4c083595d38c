/** IDX files as people have them: other names, gzipped or unpacked, in folders of their own, EMNIST. */
import fs from 'node:fs';
import path from 'node:path';
import {
  DIGITS,
  embeddedFolder,
  type ImageSet,
  MNIST_MD5,
  parseIdxImages,
  parseIdxLabels,
  type Split,
} from '../data/index';
import { InputError } from '../errors';
import { hashOf } from '../files';
import { filesBelow } from './files';
import { readIdxFile } from './idx-file';

/** `train-images-idx3-ubyte`, `t10k-labels.idx1-ubyte`, `emnist-letters-test-images-idx3-ubyte.gz` … */
const NAME = /^(?:(emnist-\w+)-)?(train|t10k|test)-(images|labels)[-.]idx[13][-.]ubyte(?:\.gz)?$/;
/** Where torchvision's layout and others put the files, counted in folders below the one that is named. */
const DEPTH = 3;

/** The classes of datasets in MNIST's format, by the name of their folder in torchvision's layout. */
const CLASS_NAMES: Record<string, string[]> = {
  fashionmnist: 'T-shirt/top,Trouser,Pullover,Dress,Coat,Sandal,Shirt,Sneaker,Bag,Ankle boot'.split(
    ',',
  ),
  kmnist: 'o,ki,su,tsu,na,ha,ma,ya,re,wo'.split(','),
};

/** The files of one split. */
export interface IdxFiles {
  /** Such as `FashionMNIST` or `emnist-letters`. */
  title: string;
  images: string;
  labels: string;
  /** EMNIST: the file that says which character each label is. */
  mapping?: string;
}

/**
 * Finds the files of `split` in `place` or in folders below it, also if `place` is one folder too deep, or, for EMNIST, the
 * beginning of their names. Returns undefined if there are none. Throws InputError if there are several datasets.
 */
export function findIdx(place: string, split: Split): IdxFiles | undefined {
  const isFolder = (folder: string) =>
    fs.statSync(folder, { throwIfNoEntry: false })?.isDirectory() ?? false;
  const parent = path.dirname(path.resolve(place));
  const name = path.basename(place);
  const within = isFolder(place) ? datasetsIn(place, split) : [];
  const isPrefix = !fs.existsSync(place) && /^emnist-\w+$/.test(name) && isFolder(parent);
  const isTooDeep = NAME.test(name) && isFolder(place) && !within.some(isComplete);
  const found = isPrefix || isTooDeep ? datasetsIn(parent, split) : within;
  const wanted = isPrefix ? found.filter(({ title }) => title === name) : found;
  if (wanted.length > 1) {
    const names = wanted.map(({ title, folder }) =>
      title.startsWith('emnist') ? path.join(folder, title) : folder,
    );
    throw new InputError(`${place}: holds several datasets, name one: ${names.join(', ')}`);
  }
  const [only] = wanted;
  if (!only) return undefined;
  if (!isComplete(only)) {
    const missing = only.images ? 'labels' : 'images';
    throw new InputError(
      `${only.folder}: no ${missing} for ${split}: want files such as ${split === 'train' ? 'train' : 't10k'}-${missing}-idx${missing === 'images' ? 3 : 1}-ubyte`,
    );
  }
  return { ...only, images: only.images!, labels: only.labels! };
}

interface Found {
  title: string;
  folder: string;
  images?: string;
  labels?: string;
  mapping?: string;
}

const isComplete = ({ images, labels }: Found) => images !== undefined && labels !== undefined;

function datasetsIn(folder: string, split: Split): Found[] {
  const found = new Map<string, Found>();
  const files = filesBelow(folder, DEPTH);
  for (const file of files) {
    const match = path.basename(file).match(NAME);
    if (!match) continue;
    const [, emnist, part, kind] = match;
    if ((part === 'train') !== (split === 'train')) continue;
    // On Kaggle each file is in a folder of its own name.
    const own = path.dirname(file);
    const place = NAME.test(path.basename(own)) ? path.dirname(own) : own;
    const title = emnist ?? titleOf(place);
    const key = `${place}/${emnist ?? ''}`;
    const entry = found.get(key) ?? { title, folder: place };
    entry[kind as 'images' | 'labels'] ??= file; // sorted: the plain file comes before its .gz
    entry.mapping ??= files.find((each) => path.basename(each) === `${emnist}-mapping.txt`);
    found.set(key, entry);
  }
  return [...found.values()];
}

/** `FashionMNIST` for `data/FashionMNIST/raw`, otherwise the folder's own name. */
function titleOf(folder: string): string {
  const full = path.resolve(folder);
  return path.basename(path.basename(full) === 'raw' ? path.dirname(full) : full);
}

export function readIdx(
  { title, images, labels, mapping }: IdxFiles,
  split: Split,
  say: (line: string) => void = (line) => process.stderr.write(`warning: ${line}\n`),
): ImageSet {
  const isEmnist = title.startsWith('emnist');
  const [imageBytes, labelBytes] = [images, labels].map(readIdxFile);
  const parsed = parseIdxImages(imageBytes, images);
  const { first, names } = classesOf(title, mapping);
  const values = parseIdxLabels(labelBytes, labels, first + names.length).map((label, i) => {
    if (label < first)
      throw new InputError(`${labels}: label ${i} is ${label}, want ${first} or more`);
    return label - first;
  });
  if (parsed.length !== values.length) {
    throw new InputError(
      `${parsed.length} images in ${images} but ${values.length} labels in ${labels}`,
    );
  }
  if (!isEmnist) {
    warnIfAlmostMnist(imageBytes, images, split, 'images-idx3', say);
    warnIfAlmostMnist(labelBytes, labels, split, 'labels-idx1', say);
  }
  return {
    ...parsed,
    pixels: isEmnist ? transposed(parsed) : parsed.pixels,
    name: `${title} ${split}`,
    labels: values,
    channels: 1,
    classNames: names,
  };
}

/** The label of the first class, and the names of all. */
function classesOf(title: string, mapping?: string): { first: number; names: readonly string[] } {
  const plain = title.toLowerCase().replace(/[-_ ]/g, '');
  if (!title.startsWith('emnist')) return { first: 0, names: CLASS_NAMES[plain] ?? DIGITS };
  if (!mapping) {
    throw new InputError(
      `${title}: no ${title}-mapping.txt beside the images, which says what each label means`,
    );
  }
  // A line has a label and the codes of its characters: `1 65 97` is A and a.
  const rows = fs
    .readFileSync(mapping, 'latin1')
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number));
  const wrong = rows.findIndex(
    (row, i) => row.length < 2 || row.some((n) => !(n >= 0)) || row[0] !== rows[0][0] + i,
  );
  if (wrong >= 0) throw new InputError(`${mapping}: line ${wrong + 1} is not 'label code …'`);
  return { first: rows[0][0], names: rows.map(([, code]) => String.fromCharCode(code)) };
}

/** EMNIST's images lie on their side, mirrored. */
function transposed({
  pixels,
  length,
  height,
  width,
}: ReturnType<typeof parseIdxImages>): Uint8Array {
  if (height !== width) throw new InputError(`EMNIST images are square, not ${height}×${width}`);
  const turned = new Uint8Array(pixels.length);
  for (let i = 0; i < length; i++) {
    const start = i * height * width;
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) turned[start + x * width + y] = pixels[start + y * width + x];
    }
  }
  return turned;
}

/** Corrected labels are fine, a damaged download is not: the reader knows which it is. */
function warnIfAlmostMnist(
  bytes: Uint8Array,
  file: string,
  split: Split,
  kind: string,
  say: (line: string) => void,
): void {
  const name = `${split === 'train' ? 'train' : 't10k'}-${kind}-ubyte`;
  if (hashOf('md5', bytes) === MNIST_MD5[name]) return;
  const mnist = path.join(embeddedFolder(), name);
  if (fs.statSync(mnist).size !== bytes.length) return;
  const reference = fs.readFileSync(mnist);
  let different = 0;
  for (let i = 0; i < reference.length; i++) if (reference[i] !== bytes[i]) different++;
  if (different > 0 && different <= bytes.length / 100) {
    say(
      `${file}: ${different} of ${bytes.length} bytes differ from MNIST's: corrected, or damaged?`,
    );
  }
}
