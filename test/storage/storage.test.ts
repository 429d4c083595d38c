import fs from 'node:fs';
import path from 'node:path';
import { makeBatch, slice } from '../../src/data/index';
import { InputError } from '../../src/errors';
import { evaluate } from '../../src/evaluate/index';
import { alexnet, Dropout, inputSizeOf, type LayerSpec } from '../../src/model/index';
import { predictBatch } from '../../src/predict/index';
import { loadModel, saveModel } from '../../src/storage/index';
import { tf } from '../../src/tf/index';
import { folderOf, temporaryFolder } from '../support/idx';
import { barSet } from '../support/sets';
import { expectNoLeak, maxDifference } from '../support/tensors';

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

test('a saved model loads from its folder and from the run folder', async () => {
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
  expect(fs.readdirSync(path.dirname(folder))).toEqual(['model']); // no temporary files
});

test('saving again replaces the model', async () => {
  const folder = path.join(temporary, 'again');
  const [first, second] = [build(1), build(2)];
  await saveModel(first, folder);
  await saveModel(second, folder);
  const loaded = await loadModel(folder);
  expect(output(loaded)).toEqual(output(second));
});

/** Replaces a text in the model.json of a folder. */
function change(folder: string, from: string, to: string): void {
  const file = path.join(folder, 'model.json');
  const text = fs.readFileSync(file, 'utf8');
  expect(text).toContain(from);
  fs.writeFileSync(file, text.replaceAll(from, to));
}

test.each(['dense', 'layer', 'activation'])(
  'a model that ends in softmax (%s) gives its own probabilities',
  async (how) => {
    const own = tf.sequential();
    own.add(tf.layers.flatten({ inputShape: [28, 28, 1] }));
    const activation = how === 'dense' ? 'softmax' : 'linear';
    own.add(tf.layers.dense({ units: 10, activation, kernelInitializer: 'randomNormal' }));
    if (how === 'layer') own.add(tf.layers.softmax());
    if (how === 'activation') own.add(tf.layers.activation({ activation: 'softmax' }));
    const folder = path.join(temporary, `softmax-${how}`);
    await own.save(`file://${folder}`);
    const set = barSet(3);
    const [want] = tf.tidy(() => {
      const { images } = makeBatch(set, [0, 1, 2], 28);
      return (own.predict(images) as tf.Tensor2D).arraySync();
    });
    own.dispose();
    await expectNoLeak(async () => {
      const model = await loadModel(folder);
      expect(maxDifference(predictBatch(model, set, [0])[0].probabilities, want)).toBeLessThan(
        1e-6,
      );
      const { loss } = await evaluate(model, slice(set, 0, 1));
      expect(loss).toBeCloseTo(-Math.log(want[0]), 5);
      model.dispose();
    });
  },
);

test('a folder can be refused before its weights are read', async () => {
  const folder = path.join(temporary, 'refused');
  const model = build();
  await saveModel(model, folder);
  model.dispose();
  const before = tf.memory().numTensors;
  const accept = jest.fn(() => {
    expect(tf.memory().numTensors).toBe(before);
    throw new InputError('refused');
  });
  await expect(loadModel(folder, { accept })).rejects.toThrow('refused');
  expect(accept).toHaveBeenCalledWith({ channels: 1, classes: 10 });
});

test.each([
  ['model.h5', 'a Keras model in HDF5. Convert it: tensorflowjs_converter --input_format=keras'],
  ['model.keras', 'a Keras model. Convert it'],
  ['model.onnx', 'an ONNX model. Convert it in Python'],
  ['model.tflite', 'a TensorFlow Lite model'],
  ['weights.bin', 'part of a tfjs model: pass the folder'],
])('%s is named, with what to do', async (name, message) => {
  const file = path.join(temporary, name);
  fs.writeFileSync(file, 'something');
  await expect(loadModel(file)).rejects.toThrow(`${file}: ${message}`);
});

test.each<[string, (folder: string) => void, RegExp]>([
  ['no folder', (folder) => fs.rmSync(folder, { recursive: true }), /no such folder/],
  [
    'no model.json',
    (folder) => fs.rmSync(path.join(folder, 'model.json')),
    /not a model: it holds no model.json/,
  ],
  [
    'a pointer in its place',
    (folder) =>
      fs.writeFileSync(
        path.join(folder, 'model.json'),
        'version https://git-lfs.github.com/spec/v1',
      ),
    /model.json: a Git LFS pointer/,
  ],
  [
    'a graph model',
    (folder) => change(folder, '"layers-model"', '"graph-model"'),
    /model.json: a graph model, which no longer has layers. Convert the original Keras model/,
  ],
  [
    'a model of Keras 3',
    (folder) => change(folder, '"batch_input_shape"', '"batch_shape"'),
    /model.json: written by Keras 3, .* TF_USE_LEGACY_KERAS=1/,
  ],
  [
    'a SavedModel',
    (folder) => fs.writeFileSync(path.join(folder, 'saved_model.pb'), ''),
    /a TensorFlow SavedModel. Load it in Keras/,
  ],
  [
    'not JSON',
    (folder) => fs.writeFileSync(path.join(folder, 'model.json'), '{'),
    /model.json: cannot be read: .*JSON/,
  ],
  [
    'other JSON',
    (folder) => fs.writeFileSync(path.join(folder, 'model.json'), '[1]'),
    /model.json: damaged: content is a list, want an object/,
  ],
  [
    'a weight without a shape',
    (folder) => {
      const file = path.join(folder, 'model.json');
      fs.writeFileSync(file, fs.readFileSync(file, 'utf8').replaceAll('"shape"', '"form"'));
    },
    /model.json: damaged: content.weightsManifest.0.weights.0.shape is missing/,
  ],
  [
    'no weights',
    (folder) => fs.rmSync(path.join(folder, 'weights.bin')),
    /weights.bin: no such file/,
  ],
  [
    'truncated weights',
    (folder) => fs.truncateSync(path.join(folder, 'weights.bin'), 100),
    /damaged: weights.bin has 100 bytes, want 1400/,
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

test('a path that cannot be written gives an InputError', async () => {
  const file = path.join(folderOf(temporary, 'blocked', { file: 'x' }), 'file');
  await expect(saveModel(build(), path.join(file, 'model'))).rejects.toThrow('cannot be written');
});

test('a quantised folder stores 8 bits per weight, each within half a step', async () => {
  await expectNoLeak(async () => {
    const model = alexnet({ inputSize: 28, layers, channels: 2, classes: 3, seed: 5 });
    await saveModel(model, path.join(temporary, 'whole'));
    await saveModel(model, path.join(temporary, 'quantised'), { quantised: true });
    const bytes = (folder: string) => fs.statSync(path.join(temporary, folder, 'weights.bin')).size;
    const biases = 2 + 3;
    expect(bytes('quantised') - 4 * biases).toBe((bytes('whole') - 4 * biases) / 4);
    const loaded = await loadModel(path.join(temporary, 'quantised'));
    model.getWeights().forEach((weight, i) => {
      const values = weight.dataSync();
      const range = Math.max(0, ...values) - Math.min(0, ...values);
      const allowed = weight.rank === 1 ? 0 : (1.01 * range) / 255;
      expect(maxDifference(values, loaded.getWeights()[i].dataSync())).toBeLessThanOrEqual(allowed);
    });
    for (const each of [model, loaded]) each.dispose();
  });
});
