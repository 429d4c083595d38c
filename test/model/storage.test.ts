import fs from 'node:fs';
import path from 'node:path';
import { InputError } from '../../src/errors';
import {
  alexnet,
  Dropout,
  inputSizeOf,
  type LayerSpec,
  loadModel,
  saveModel,
} from '../../src/model/index';
import { tf } from '../../src/tf/index';
import { folderOf, temporaryFolder } from '../support/idx';
import { expectNoLeak } from '../support/tensors';

const temporary = temporaryFolder();
const layers: LayerSpec[] = [
  { kind: 'conv', name: 'conv1', filters: 2, kernel: 3, stride: 2, padding: 1 },
  { kind: 'flatten', name: 'flatten' },
  { kind: 'dropout', name: 'dropout' },
  { kind: 'dense', name: 'dense', units: 0, relu: false },
];
const build = (seed = 1) => alexnet({ inputSize: 8, layers, seed, dropout: 0.3 });
const output = (model: tf.LayersModel) =>
  tf.tidy(() => [...(model.predict(tf.ones([1, 8, 8, 1])) as tf.Tensor).dataSync()]);

test('what is loaded is what was saved, alone or in a run folder', async () => {
  const folder = path.join(temporary, 'run', 'model');
  await expectNoLeak(async () => {
    const model = build();
    await saveModel(model, folder);
    for (const place of [folder, path.dirname(folder)]) {
      const loaded = await loadModel(place);
      expect(output(loaded)).toEqual(output(model));
      expect(inputSizeOf(loaded)).toBe(8);
      expect(loaded.getLayer('dropout')).toBeInstanceOf(Dropout);
      expect(loaded.getLayer('dropout').getConfig()).toMatchObject({ rate: 0.3, seed: 3 });
      loaded.dispose();
    }
    model.dispose();
  });
  expect(fs.readdirSync(path.dirname(folder))).toEqual(['model']); // nothing temporary is left
});

test('saving again replaces', async () => {
  const folder = path.join(temporary, 'again');
  const [first, second] = [build(1), build(2)];
  await saveModel(first, folder);
  await saveModel(second, folder);
  const loaded = await loadModel(folder);
  expect(output(loaded)).toEqual(output(second));
});

test.each<[string, (folder: string) => void, RegExp]>([
  ['no folder', (folder) => fs.rmSync(folder, { recursive: true }), /no such folder/],
  [
    'no model.json',
    (folder) => fs.rmSync(path.join(folder, 'model.json')),
    /not a model: it holds no model.json/,
  ],
  [
    'not JSON',
    (folder) => fs.writeFileSync(path.join(folder, 'model.json'), '{'),
    /model.json: not JSON/,
  ],
  [
    'other JSON',
    (folder) => fs.writeFileSync(path.join(folder, 'model.json'), '[1]'),
    /not a tfjs layers model/,
  ],
  ...[{ name: 'w', dtype: 'float32' }, { name: 'w', dtype: 'float32', shape: ['3'] }, null].map(
    (entry, i): [string, (folder: string) => void, RegExp] => [
      `damaged weight ${i}`,
      (folder) => {
        const file = path.join(folder, 'model.json');
        const description = JSON.parse(fs.readFileSync(file, 'utf8'));
        description.weightsManifest[0].weights[0] = entry;
        fs.writeFileSync(file, JSON.stringify(description));
      },
      /model.json: its weightsManifest is damaged/,
    ],
  ),
  [
    'no weights',
    (folder) => fs.rmSync(path.join(folder, 'weights.bin')),
    /weights.bin: no such file/,
  ],
  [
    'truncated weights',
    (folder) => fs.truncateSync(path.join(folder, 'weights.bin'), 100),
    /damaged: weights.bin hold 100 bytes, want 1400/,
  ],
])('refuses a folder with %s', async (name, damage, message) => {
  const folder = path.join(temporary, `bad ${name}`);
  const model = build();
  await saveModel(model, folder);
  model.dispose();
  damage(folder);
  await expectNoLeak(async () => {
    await expect(loadModel(folder)).rejects.toThrow(message);
    await expect(loadModel(folder)).rejects.toThrow(InputError);
  });
});

test('a place that cannot be written is a plain error', async () => {
  const file = path.join(folderOf(temporary, 'blocked', { file: 'x' }), 'file');
  await expect(saveModel(build(), path.join(file, 'model'))).rejects.toThrow(
    'the model cannot be saved',
  );
});
