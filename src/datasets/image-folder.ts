/** Image folders as of torchvision's `ImageFolder`: one folder per class. */
import fs from 'node:fs';
import path from 'node:path';
import type { ImageSet, Split } from '../data/index';
import { pictureSize } from '../decode/index';
import { InputError } from '../errors';
import { availableMemory } from '../memory';
import { filesBelow } from './files';
import { mixedOrder, shareOf } from './mix';
import type { LoadOptions, Part } from './part';
import { decodeToFile, decodeToMemory } from './pixels';

const PICTURE = /\.(png|jpe?g|webp|avif|gif|tiff?|bmp)$/i;
const SPLITS: Record<Split, string[]> = {
  train: ['train', 'training'],
  test: ['test', 'testing', 'val', 'valid', 'validation'],
};
/** Images are kept as squares of the median size, within these limits. */
const [SMALLEST, LARGEST] = [28, 256];
const SAMPLED = 100;

export interface ClassFolders {
  title: string;
  isWhole: boolean;
  /** The files of each class, in the order of their names. */
  classes: { name: string; files: string[] }[];
}

/** Returns undefined if `place` has no folders with pictures. Throws InputError if its classes make no sense. */
export function findClasses(place: string, split: Split): ClassFolders | undefined {
  const folders = foldersIn(place);
  const part = folders.find((name) => SPLITS[split].includes(name.toLowerCase()));
  const other = split === 'train' ? 'test' : 'train';
  if (!part && folders.some((name) => SPLITS[other].includes(name.toLowerCase()))) {
    throw new InputError(
      `${place}: has ${other} images, but no folder ${SPLITS[split].join(' or ')}`,
    );
  }
  const root = part ? path.join(place, part) : place;
  const classes = foldersIn(root)
    .map((name) => ({
      name,
      files: filesBelow(path.join(root, name), 8).filter((file) => PICTURE.test(file)),
    }))
    .filter(({ files }) => files.length > 0);
  if (classes.length === 0) return undefined;
  const title = path.basename(path.resolve(place));
  if (classes.length === 1) {
    throw new InputError(
      `${root}: only one class, ${classes[0].name}. Want a folder for each class`,
    );
  }
  const names = classes.map(({ name }) => name);
  const double = names.find((name, i) =>
    names.some((each, j) => j < i && each.toLowerCase() === name.toLowerCase()),
  );
  if (double) {
    const same = names.filter((name) => name.toLowerCase() === double.toLowerCase());
    throw new InputError(`${root}: classes that differ in case only: ${same.join(', ')}`);
  }
  return { title, isWhole: !part, classes };
}

function foldersIn(place: string): string[] {
  return fs
    .readdirSync(place)
    .filter((name) => !name.startsWith('.'))
    .filter((name) => fs.statSync(path.join(place, name), { throwIfNoEntry: false })?.isDirectory())
    .sort();
}

/**
 * Decodes the pictures of a split, several at a time. If they do not fit in a quarter of the free memory, their pixels go
 * to a file, from which batches are read. It is kept, so that the next run need not decode them again.
 */
export async function readClasses(
  { title, isWhole, classes }: ClassFolders,
  split: Split,
  { skipBad = false, onProgress, say = () => {}, memory = availableMemory() }: LoadOptions,
): Promise<Part> {
  const single = classes.find(({ files }) => files.length === 1);
  if (single) say(`class ${single.name} has one picture: no other tests or validates it`);
  const all = classes.flatMap(({ files: each }, label) => each.map((file) => ({ file, label })));
  const labels = all.map(({ label }) => label);
  const order = isWhole
    ? shareOf(labels, classes.length, split)
    : split === 'train'
      ? mixedOrder(labels, classes.length)
      : [...all.keys()];
  const pictures = order.map((index) => all[index]);
  const side = await sideOf(all.map(({ file }) => file));
  const area = side * side * 3;
  const files = pictures.map(({ file }) => file);
  const isLarge = pictures.length * area > memory / 4;
  const decoded = isLarge
    ? await decodeToFile(files, side, onProgress)
    : await decodeToMemory(files, side, onProgress);
  const { bad, isGrey } = decoded;
  if (bad.length > 0 && !skipBad) {
    const more = bad.length > 1 ? ` (and ${bad.length - 1} more)` : '';
    throw new InputError(`${bad[0].why}${more}. To leave out such pictures: --skip-bad`);
  }
  if (bad.length > 0) say(`left out ${bad.length} pictures, the first: ${bad[0].why}`);
  const out = new Set(bad.map(({ index }) => index));
  const kept = pictures.flatMap((_, index) => (out.has(index) ? [] : [index]));
  const set: ImageSet = {
    name: `${title} ${split}`,
    ...('pixels' in decoded
      ? { pixels: inOneChannel(withoutGaps(decoded.pixels, kept, area), isGrey) }
      : { pixels: new Uint8Array(0), readImage: reader(decoded.file, kept, area, isGrey) }),
    labels: Uint16Array.from(kept, (index) => pictures[index].label),
    ...{ length: kept.length, height: side, width: side, channels: isGrey ? 1 : 3 },
    classNames: classes.map(({ name }) => name),
  };
  return { set, order: 'final' };
}

/** Reads image number i of a set, which is image kept[i] of the file. */
function reader(file: string, kept: number[], area: number, isGrey: boolean) {
  const descriptor = fs.openSync(file, 'r');
  const colour = new Uint8Array(area);
  return (index: number, into: Uint8Array) => {
    const read = fs.readSync(descriptor, isGrey ? colour : into, 0, area, kept[index] * area);
    if (read !== area) throw new InputError(`${file}: damaged. Delete it and start again`);
    if (isGrey) into.set(inOneChannel(colour, true));
  };
}

function inOneChannel(colour: Uint8Array, isGrey: boolean): Uint8Array {
  return isGrey ? Uint8Array.from({ length: colour.length / 3 }, (_, i) => colour[3 * i]) : colour;
}

/** The median of the shorter sides of some pictures. */
async function sideOf(files: string[]): Promise<number> {
  const step = Math.max(1, Math.floor(files.length / SAMPLED));
  const sizes: number[] = [];
  for (let i = 0; i < files.length; i += step) {
    const size = await pictureSize(files[i]).catch(() => undefined); // reported when it is decoded
    if (size) sizes.push(Math.min(size.width, size.height));
  }
  const median = sizes.sort((a, b) => a - b)[Math.floor(sizes.length / 2)] ?? LARGEST;
  return Math.min(LARGEST, Math.max(SMALLEST, median));
}

function withoutGaps(pixels: Uint8Array, kept: number[], area: number): Uint8Array {
  if (kept.length * area === pixels.length) return pixels;
  const result = new Uint8Array(kept.length * area);
  for (const [i, index] of kept.entries()) {
    result.set(pixels.subarray(index * area, (index + 1) * area), i * area);
  }
  return result;
}
