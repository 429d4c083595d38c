/**
 * npm run bench:augment: what augmentation is worth. Trains the small network with and without it, on few and on all
 * training images, and reads the test set, the test set moved and turned, drawings from a formula (those of the
 * tests), and the photographs in samples/.
 */
import fs from 'node:fs';
import path from 'node:path';
import {
  AUGMENTATION,
  augmented,
  DIGITS,
  type ImageSet,
  loadDataset,
  slice,
} from '../src/data/index';
import { evaluate } from '../src/evaluate/index';
import { digitSteps, type GreyImage } from '../src/image/index';
import { alexnet, SMALL } from '../src/model/index';
import { readDigit } from '../src/predict/index';
import { stepProgress, train } from '../src/train/index';
import { percent, plainTable, streamProgress } from '../src/viz/index';
import { drawings } from '../test/image/hands';

const SAMPLES = path.join(__dirname, '../samples');
const SEEDS = [1, 2, 3];
/** Training images and epochs. */
const RUNS = [
  [1000, 40],
  [55_000, 2],
];
/** Moved and turned, but drawn with the same pen. */
const MOVED = { ...AUGMENTATION, scale: 0, shear: 0, thickness: 0, contrast: 0, noise: 0 };

async function main(): Promise<void> {
  const files = fs.readdirSync(SAMPLES).filter((name) => /^\d-/.test(name));
  const photos = await Promise.all(
    files.map(async (file) => (await readDigit(path.join(SAMPLES, file))).pop()!),
  );
  const drawn = drawings(1000, 7);
  const test = loadDataset('test');
  const sets = [
    { ...test, name: 'Test' },
    { ...augmented(test, 1, 1, MOVED), name: 'Test, moved' },
    asSet(
      'Drawings',
      drawn.map(({ bitmap }) => digitSteps(bitmap).pop()!),
      drawn.map(({ label }) => label),
    ),
    asSet(
      'Photographs',
      photos,
      files.map((file) => Number(file[0])),
    ),
  ];
  const all = loadDataset('train');
  const show = streamProgress(process.stderr);
  const rows = [
    ['Images', 'Augmented', 'Seed', ...sets.map(({ name, length }) => `${name} (${length})`)],
  ];
  for (const [count, epochs] of RUNS) {
    for (const seed of SEEDS) {
      for (const augment of [false, true]) {
        const model = alexnet({ ...SMALL, seed });
        await train(model, slice(all, 0, count), {
          ...{ epochs, batchSize: 64, learningRate: 2e-3, schedule: 'cosine', seed, augment },
          onStep: (training) => show(stepProgress(training)),
        });
        const accuracies = [];
        for (const set of sets) accuracies.push(percent((await evaluate(model, set)).accuracy));
        rows.push([String(count), augment ? 'yes' : 'no', String(seed), ...accuracies]);
        model.dispose();
      }
    }
  }
  console.log(plainTable(rows));
}

function asSet(name: string, images: GreyImage[], labels: number[]): ImageSet {
  const pixels = new Uint8Array(images.length * 784);
  for (const [i, image] of images.entries()) pixels.set(image.pixels, i * 784);
  return {
    ...{ name, pixels, labels: Uint8Array.from(labels), length: images.length },
    ...{ height: 28, width: 28, channels: 1, classNames: DIGITS },
  };
}

main();
