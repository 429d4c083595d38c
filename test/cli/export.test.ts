import fs from 'node:fs';
import path from 'node:path';
import { alexnet, SMALL } from '../../src/model/index';
import { saveModel } from '../../src/storage/index';
import { cli, expectOneLineError, inParallel } from '../support/command';
import { folderOf, idxImages, idxLabels, temporaryFolder } from '../support/idx';
import { barSet } from '../support/sets';

const temporary = temporaryFolder();
const place = (name: string) => path.join(temporary, name);
const { pixels, labels } = barSet(40, 10, 2);
const data = folderOf(temporary, 'data', {
  't10k-images-idx3-ubyte': idxImages(40, 28, 28, (i) => pixels[i]),
  't10k-labels-idx1-ubyte': idxLabels([...labels]),
});
const model = place('model');

// An untrained model is enough: the results only have to be the same.
beforeAll(async () => {
  const built = alexnet({ inputSize: 64, initialisation: 'he' });
  await saveModel(built, model);
  built.dispose();
});

const evaluateJson = async (place: string) => {
  const { code, stdout, stderr } = await cli(
    'evaluate',
    '--model',
    place,
    '--data',
    data,
    '--json',
  );
  expect([code, stderr]).toEqual([0, '']);
  return JSON.parse(stdout);
};

test('every format of the model gives the same evaluation', async () => {
  const [pth, safetensors, folder] = ['a.pth', 'b.safetensors', 'c'].map(place);
  for (const [from, to, format] of [
    [model, pth, 'pth'],
    [pth, safetensors, 'safetensors'],
    [safetensors, folder, 'tfjs'],
  ]) {
    const { code, stdout, stderr } = await cli('export', '--model', from, '--to', to, '--json');
    expect([code, stderr]).toEqual([0, '']);
    const { bytes, ...rest } = JSON.parse(stdout);
    expect(rest).toEqual({ to, format });
    expect(bytes).toBeGreaterThan(4 * 20e6);
  }
  const weights = (place: string) => fs.readFileSync(path.join(place, 'weights.bin'));
  expect(weights(folder).equals(weights(model))).toBe(true);
  const [expected, found] = await inParallel([model, pth], evaluateJson);
  expect(found).toEqual(expected);
}, 180_000);

test('--quantize: a quarter of the size, and the accuracy before and after', async () => {
  const to = place('small');
  const args = ['--model', model, '--to', to, '--quantize', '--data', data, '--images', '40'];
  const { code, stdout, stderr } = await cli('export', ...args);
  expect([code, stderr]).toEqual([0, '']);
  expect(stdout).toMatch(/Written: .*small \(tfjs, \d\d\.\d MB\)/);
  expect(stdout).toMatch(/Accuracy on 40 test images: \d+\.\d\d% before, \d+\.\d\d% in 8 bits/);
  const size = (place: string) => fs.statSync(path.join(place, 'weights.bin')).size;
  expect(size(to) / size(model)).toBeCloseTo(0.25, 2);
  const again = await cli('export', ...args, '--force', '--json', '--images', '0');
  expect(Object.keys(JSON.parse(again.stdout))).toEqual(['to', 'format', 'bytes']);
}, 120_000);

test('bad input gives a one-line error, and nothing is written', async () => {
  const [file, folder] = [place('there.pth'), place('others')];
  fs.writeFileSync(file, 'mine');
  folderOf(temporary, 'others', { 'notes.txt': 'mine' });
  const three = place('three');
  const other = alexnet({ ...SMALL, classes: 3 });
  await saveModel(other, three);
  other.dispose();
  const to = place('new');
  const cases: [string[], RegExp][] = [
    [['--model', model, '--to', file], /there\.pth: already exists\. Pass --force to overwrite it/],
    [['--model', file, '--to', to], /there\.pth: not a zip archive/],
    [
      ['--model', model, '--to', folder, '--force'],
      /others: contains notes\.txt, which is not part of a tfjs model/,
    ],
    [['--model', model, '--to', `${to}.pth`, '--quantize'], /--quantize: pth files store float32/],
    [
      ['--model', model, '--to', to, '--quantize', '--data', data, '--images', '41'],
      /--images 41: there are only 40/,
    ],
    [
      ['--model', three, '--to', to, '--quantize', '--data', data, '--images', '40'],
      /the model has 3 classes, .* has 10/,
    ],
    [['--model', model, '--to', `${to}.onnx`], /cannot write \.onnx.*torch\.onnx\.export/],
    [['--model', model], /required option '--to <path>' not specified/],
  ];
  const results = await inParallel(cases, ([args]) => cli('export', ...args));
  results.forEach((result, i) => {
    expectOneLineError(result, cases[i][1]);
  });
  expect(fs.existsSync(to)).toBe(false);
  expect(fs.existsSync(`${to}.pth`)).toBe(false);
  expect(fs.readFileSync(file, 'utf8')).toBe('mine');
  expect(fs.readdirSync(folder)).toEqual(['notes.txt']);
}, 120_000);
