import fs from 'node:fs';
import path from 'node:path';
import { Jimp } from 'jimp';
import sharp from 'sharp';
import { cli, expectOneLineError, inParallel, root } from '../support/command';
import { folderOf, idxImages, idxLabels, temporaryFolder } from '../support/idx';
import { barSet } from '../support/sets';

const temporary = temporaryFolder();
const place = (name: string) => path.join(temporary, name);

/** Writes a small dataset that a network can learn: 240 training and 40 test images. */
function dataFolder(): string {
  const file = (length: number, seed: number) => {
    const { pixels, labels } = barSet(length, 10, seed);
    return [idxImages(length, 28, 28, (i) => pixels[i]), idxLabels([...labels])];
  };
  const [trainImages, trainLabels] = file(240, 1);
  const [testImages, testLabels] = file(40, 2);
  return folderOf(temporary, 'data', {
    'MNIST/raw/train-images-idx3-ubyte': trainImages,
    'MNIST/raw/train-labels-idx1-ubyte': trainLabels,
    'MNIST/raw/t10k-images-idx3-ubyte': testImages,
    'MNIST/raw/t10k-labels-idx1-ubyte': testLabels,
  });
}

const data = dataFolder();
const run = place('run');
const json = (file: string) => JSON.parse(fs.readFileSync(file, 'utf8'));

// Trains once. All tests use its run folder.
beforeAll(async () => {
  const { code, stdout, stderr } = await cli(
    'train',
    ...['--data', data, '--run', run, '--epochs', '2', '--batch-size', '10', '--lr', '0.001'],
    ...['--input-size', '63', '--init', 'he', '--train-images', '200'],
  );
  expect(stderr).toBe('');
  expect(stdout).toMatch(/Epoch 2\/2: loss/);
  expect(code).toBe(0);
}, 120_000);

test('train writes config, history and model', () => {
  expect(json(path.join(run, 'config.json'))).toMatchObject({
    epochs: 2,
    batchSize: 10,
    learningRate: 0.001,
    weightDecay: 0.01,
    accumulationSteps: 1,
    trainImages: 200,
    validationImages: 20,
    seed: 42,
  });
  const history = json(path.join(run, 'history.json'));
  expect(history.map((epoch: { epoch: number }) => epoch.epoch)).toEqual([1, 2]);
  for (const key of [
    'trainLoss',
    'trainAccuracy',
    'valLoss',
    'valAccuracy',
    'seconds',
    'imagesPerSecond',
  ]) {
    expect(typeof history[1][key]).toBe('number');
  }
  expect(json(path.join(run, 'steps.json')).length).toBe(40);
  expect(fs.readdirSync(path.join(run, 'model')).sort()).toEqual(['model.json', 'weights.bin']);
});

test('evaluate --json prints only JSON, and keeps the result of a run in its folder', async () => {
  const { code, stdout, stderr } = await cli('evaluate', '--model', run, '--data', data, '--json');
  expect([code, stderr]).toEqual([0, '']);
  const { images, loss, accuracy, confusion } = JSON.parse(stdout);
  expect(images).toBe(40);
  expect(accuracy).toBeGreaterThan(0.5);
  expect(loss).toBeGreaterThan(0);
  expect(confusion.flat().reduce((a: number, b: number) => a + b, 0)).toBe(40);
  expect(json(path.join(run, 'test.json'))).toEqual({ images, loss, accuracy, confusion });
});

test('predict reads the digits in files, prints bars, draws the steps and accepts --as-is', async () => {
  const { pixels } = barSet(10, 10, 2);
  const bitmap = Buffer.alloc(4 * 784);
  bitmap.set([...pixels.subarray(3 * 784, 4 * 784)].flatMap((v) => [v, v, v, 255]));
  const three = place('three.png');
  fs.writeFileSync(
    three,
    await Jimp.fromBitmap({ data: bitmap, width: 28, height: 28 }).getBuffer('image/png'),
  );
  const eight = path.join(root, 'samples', '8-felt-pen.png');
  const predict = (...args: string[]) => cli('predict', '--model', run, ...args);
  const [converted, asIs, plain] = await inParallel(
    [
      ['--json', three, eight],
      ['--json', '--as-is', three, eight],
      ['--steps', place('steps.png'), eight],
    ],
    (args) => predict(...args),
  );
  for (const { code, stderr } of [converted, asIs, plain]) expect([code, stderr]).toEqual([0, '']);
  const [a, b] = [converted, asIs].map(({ stdout }) => JSON.parse(stdout));
  expect(Object.keys(a[0])).toEqual(['file', 'box', 'prediction', 'name', 'probabilities']);
  expect(a.map(({ file }: { file: string }) => file)).toEqual([three, eight]);
  expect(a[0].probabilities.length).toBe(10);
  expect(b[0]).toEqual(a[0]); // already in MNIST's format
  expect(b[1].probabilities).not.toEqual(a[1].probabilities);
  expect(plain.stdout).toMatch(
    new RegExp(`8-felt-pen.png: ${a[1].prediction} \\(\\d+\\.\\d+%; next \\d, \\d+\\.\\d+%\\)\n`),
  );
  expect(plain.stdout.match(/^ {2}\d [█▏▎▍▌▋▊▉ ]{24} +\d+\.\d%$/gm)?.length).toBe(10);
  expect((await Jimp.read(place('steps.png'))).width).toBe(8 * 178 - 10);
}, 120_000);

test('predict reads each of several digits, and says when they may touch', async () => {
  const two = place('two.png');
  const bars = (xs: number[]) => xs.map((x) => `<rect x="${x}" y="20" width="9" height="70"/>`);
  const draw = (body: string) =>
    sharp(
      Buffer.from(
        `<svg width="150" height="110"><rect width="150" height="110" fill="#fff"/>${body}</svg>`,
      ),
    );
  await draw(bars([40, 100]).join('')).toFile(two);
  const touching = place('touching.png');
  await draw(
    '<path d="M20 30h50l-25 60M60 90h70" fill="none" stroke="#000" stroke-width="9"/>',
  ).toFile(touching);
  const [text, json] = await inParallel(
    [
      [two, touching],
      ['--json', two],
    ],
    (args) => cli('predict', '--model', 'notebooks/small/model', ...args),
  );
  expect(text.stdout).toMatch(
    /two.png: 2 digits, from left to right: 1 1\n.*two.png x 40 to 49, y 20 to 90: 1 /,
  );
  expect(text.stdout).toMatch(/touching.png: .*\n( {2}I am not.*\n)? {2}It is wider than a digit/);
  expect(JSON.parse(json.stdout)).toMatchObject([
    { file: two, box: { left: 40, top: 20, right: 49, bottom: 90 }, prediction: 1 },
    { file: two, box: { left: 100, top: 20, right: 109, bottom: 90 }, prediction: 1 },
  ]);
});

test('compare prints a table or JSON, and draws the curves', async () => {
  const full = 'docs/results/full-run';
  const picture = place('losses.svg');
  const [text, asJson, missing, notSvg] = await inParallel(
    [
      [run, full, '--picture', picture],
      [run, full, '--json'],
      [run, place('none')],
      [run, '--picture', 'a.png'],
    ],
    (args) => cli('compare', ...args),
  );
  expect(text.stderr).toBe('');
  expect(text.stdout).toMatch(/^batchSize +10 +128$/m);
  expect(text.stdout).toMatch(/^Epochs +2 +5$/m);
  expect(text.stdout).toMatch(/^Test accuracy +\d+\.\d\d% +99\.62%$/m);
  expect(fs.readFileSync(picture, 'utf8')).toMatch(/^<svg /);
  const [mine, stored] = JSON.parse(asJson.stdout);
  expect(mine).toMatchObject({ folder: run, epochs: 2, settings: { learningRate: 0.001 } });
  expect(stored).toMatchObject({ testAccuracy: 0.9962, settings: { trainImages: 60000 } });
  expectOneLineError(missing, /none: no run there yet\. To make one: .* npm run train -- --run/);
  expectOneLineError(notSvg, /--picture a\.png: want a name that ends in \.svg/);
}, 60_000);

test('what the program says about itself, and about a command that it does not have', async () => {
  const [help, none, wrong] = [await cli('--help'), await cli(), await cli('predikt')];
  for (const name of [
    'train',
    'evaluate',
    'compare',
    'predict',
    'export',
    'data',
    'draw',
    'doctor',
  ]) {
    expect(help.stdout).toMatch(new RegExp(`^  ${name} +[A-Z]`, 'm'));
  }
  expect(help.code).toBe(0);
  expect(none.code).toBe(1);
  expectOneLineError(wrong, /unknown command 'predikt' \(Did you mean predict\?\)/);
});

test('an existing run is not overwritten', async () => {
  const before = fs.readFileSync(path.join(run, 'config.json'), 'utf8');
  expectOneLineError(
    await cli('train', '--data', data, '--run', run),
    /run: holds a run already\. Choose another/,
  );
  expect(fs.readFileSync(path.join(run, 'config.json'), 'utf8')).toBe(before);
});

const cut = (file: Buffer) => file.subarray(0, file.length - 5);
const images = idxImages(40, 28, 28);
const labels = idxLabels(Array.from({ length: 40 }, (_, i) => i % 10));
const trainFiles = (first: Buffer, second: Buffer) => ({
  'train-images-idx3-ubyte': first,
  'train-labels-idx1-ubyte': second,
});

const refused: [string, Record<string, Buffer>, string[], RegExp][] = [
  [
    'truncated images',
    trainFiles(cut(images), labels),
    [],
    /train-images-idx3-ubyte: truncated: 31371 bytes, want 31376/,
  ],
  [
    'a negative rate',
    trainFiles(images, labels),
    ['--lr', '-1'],
    /'-1' is invalid. Want a number greater than 0/,
  ],
  ['an unknown flag', trainFiles(images, labels), ['--speed', '9'], /unknown option '--speed'/],
  [
    'too many images',
    trainFiles(images, labels),
    ['--train-images', '41'],
    /--train-images 41: there are 37 besides/,
  ],
];

test('train refuses bad data and bad options in one line, and writes nothing', async () => {
  const results = await inParallel(refused, ([name, files, args]) => {
    const folder = folderOf(temporary, `bad ${name}`, files);
    return cli('train', '--data', folder, '--run', place(`run of ${name}`), ...args);
  });
  refused.forEach(([name, , , message], i) => {
    expectOneLineError(results[i], message);
    expect(fs.existsSync(place(`run of ${name}`))).toBe(false);
  });
}, 120_000);

test('train refuses a folder that cannot be written before it starts', async () => {
  const file = place('a file');
  fs.writeFileSync(file, 'x');
  const result = await cli(
    'train',
    '--data',
    data,
    '--run',
    path.join(file, 'run'),
    '--input-size',
    '63',
  );
  expectOneLineError(result, /run: cannot be written: ENOTDIR/);
});

test('evaluate and predict refuse what is not a model, data or an image', async () => {
  const text = place('text.png');
  fs.writeFileSync(text, 'no image');
  const digit = path.join(root, 'samples', '0-28x28.png');
  const cases: [string[], RegExp][] = [
    [['evaluate', '--model', temporary, '--json'], /no model\.json/],
    [['evaluate', '--model', place('nowhere')], /nowhere: no such folder or file/],
    [['evaluate', '--model', run, '--data', place('nowhere')], /nowhere: no such folder/],
    [['evaluate', '--model', run, '--images', '10001'], /--images 10001: there are only 10000/],
    [['predict', '--model', run, text, '--json'], /text.png: /],
    [['predict', '--model', run], /missing required argument 'file'/],
    [
      ['predict', '--model', run, digit, '--steps', place('no/s.png')],
      /no\/s.png: cannot be written: ENOENT/,
    ],
  ];
  const results = await inParallel(cases, ([[name, ...args]]) => cli(name, ...args));
  results.forEach((result, i) => {
    expectOneLineError(result, cases[i][1]);
  });
}, 120_000);
