import fs from 'node:fs';
import path from 'node:path';
import type { ImageSet, Split } from '../data/index';
import { InputError } from '../errors';
import { readCsv } from './csv';
import { filesBelow } from './files';
import { findIdx, readIdx } from './idx-folder';
import { findClasses, readClasses } from './image-folder';
import { mixedOrder, pick, shareOf } from './mix';
import { readNpz } from './npz';
import type { LoadOptions, Part } from './part';

/** What `loadImages` reads. */
const LAYOUTS =
  'a folder with one folder of pictures per class (directly, or in train/ and test/), IDX files as of MNIST, ' +
  'Fashion-MNIST or EMNIST, mnist.npz, or train.csv with label and pixels';

/**
 * Loads one split of the images at `place`, a folder or a file in one of the LAYOUTS.
 *
 * If a dataset has no test images of its own, a sixth of its images becomes the test set: the same number of each
 * class, chosen by a fixed seed. Training images come in an order that mixes the classes evenly, so that
 * `splitValidation` takes some of each; only MNIST keeps its order.
 *
 * Throws InputError if nothing is recognised, or a file is damaged.
 */
export async function loadImages(
  place: string,
  split: Split,
  options: LoadOptions = {},
): Promise<ImageSet> {
  const { set, order } = await readPart(place, split, options);
  const classes = set.classNames.length;
  if (order === 'share') {
    const indices = shareOf(set.labels, classes, split);
    return { ...pick(set, indices), name: `${set.name} ${split}` };
  }
  const isMixed = order === 'final' || split === 'test' || set.name === 'MNIST train';
  return isMixed ? set : pick(set, mixedOrder(set.labels, classes));
}

async function readPart(place: string, split: Split, options: LoadOptions): Promise<Part> {
  const stat = fs.statSync(place, { throwIfNoEntry: false });
  const idx = findIdx(place, split);
  if (idx) return { set: readIdx(idx, split, options.say), order: 'file' };
  if (!stat) throw new InputError(`${place}: no such folder or file`);
  if (stat.isFile()) return readFile(place, split);
  if (!stat.isDirectory()) throw new InputError(`${place}: not a folder`);

  const names = fs.readdirSync(place);
  const table = ['mnist.npz', `mnist_${split}.csv`, 'train.csv'].find((name) =>
    names.includes(name),
  );
  if (table) return readFile(path.join(place, table), split);
  const classes = findClasses(place, split);
  if (classes) return readClasses(classes, split, options);
  const found = filesBelow(place, 1).map((file) => path.relative(place, file));
  const some = found.slice(0, 3).join(', ');
  const what = found.length === 0 ? 'no files' : `${found.length} files, such as ${some}`;
  throw new InputError(`${place}: holds ${what}. Want ${LAYOUTS}`);
}

function readFile(file: string, split: Split): Part {
  if (file.endsWith('.npz')) return { set: readNpz(file, split), order: 'file' };
  if (file.endsWith('.csv')) return readCsv(file, split);
  throw new InputError(`${file}: want ${LAYOUTS}`);
}
