/** Reads and writes PyTorch's weights files. parity/reference/pth.py wrote the files in parity/golden/pth. */
import fs from 'node:fs';
import path from 'node:path';
import { strFromU8, unzipSync } from 'fflate';
import { InputError } from '../../src/errors';
import { ALEXNET, alexnet, inputSizeOf, type LayerSpec } from '../../src/model/index';
import type { Progress } from '../../src/progress';
import { loadStateDict, saveStateDict } from '../../src/pytorch/index';
import { inferDimensions, parameters } from '../../src/pytorch/parameters';
import { rowMajor, toFloat32 } from '../../src/pytorch/tensors';
import { tf } from '../../src/tf/index';
import { temporaryFolder } from '../support/idx';
import { expectNoLeak, maxDifference } from '../support/tensors';

const temporary = temporaryFolder();
const place = (name: string) => path.join(temporary, name);
const reference = (name: string) => path.join(__dirname, '../../parity/golden/pth', name);

/** The network of parity/reference/pth.py. */
const layers: LayerSpec[] = [
  { kind: 'conv', name: 'conv1', filters: 4, kernel: 5, stride: 2, padding: 2 },
  { kind: 'maxPool', name: 'pool1', kernel: 3, stride: 2 },
  { kind: 'conv', name: 'conv2', filters: 6, kernel: 3, stride: 1, padding: 1 },
  { kind: 'flatten', name: 'flatten' },
  { kind: 'dropout', name: 'dropout3' },
  { kind: 'dense', name: 'fc3', units: 8, relu: true },
  { kind: 'dropout', name: 'dropout4' },
  { kind: 'dense', name: 'fc4', units: 0, relu: false },
];
/** Element i of tensor `seed`, or of the inputs (seed 100), in parity/reference/pth.py. */
const pattern = (i: number, seed: number) => (((i * 37 + seed * 11) % 251) - 125) / 256;

/** The bytes of all weights, in the model's order. */
const weightsOf = (model: tf.LayersModel) =>
  model.getWeights().map((weight) => new Uint8Array(weight.dataSync().slice().buffer));

/** The weights of parity/reference/pth.py in our order, reordered by TensorFlow. */
const expectedWeights = (): number[][] =>
  tf.tidy(() => {
    const weight = (seed: number, shape: number[], order = [1, 0]) => {
      const values = Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) =>
        pattern(i, seed),
      );
      return [...tf.tensor(values, shape).transpose(order).dataSync()];
    };
    const conv = (seed: number, shape: number[]) => weight(seed, shape, [2, 3, 1, 0]);
    return [
      ...[conv(0, [4, 2, 5, 5]), weight(1, [4], [0]), conv(2, [6, 4, 3, 3]), weight(3, [6], [0])],
      ...[conv(4, [8, 6, 6, 6]), weight(5, [8], [0]), weight(6, [3, 8]), weight(7, [3], [0])],
    ];
  });

describe('keys and shapes', () => {
  test('of the article', () => {
    const list = parameters(ALEXNET, { inputSize: 227, channels: 1, classes: 10 });
    expect(list.map(({ key, weight, shape }) => [key, weight, shape])).toEqual([
      ['features.0.weight', 'conv1/kernel', [64, 1, 11, 11]],
      ['features.0.bias', 'conv1/bias', [64]],
      ['features.3.weight', 'conv2/kernel', [192, 64, 5, 5]],
      ['features.3.bias', 'conv2/bias', [192]],
      ['features.6.weight', 'conv3/kernel', [384, 192, 3, 3]],
      ['features.6.bias', 'conv3/bias', [384]],
      ['features.8.weight', 'conv4/kernel', [256, 384, 3, 3]],
      ['features.8.bias', 'conv4/bias', [256]],
      ['features.10.weight', 'conv5/kernel', [256, 256, 3, 3]],
      ['features.10.bias', 'conv5/bias', [256]],
      ['classifier.1.weight', 'fc6/kernel', [4096, 9216]],
      ['classifier.1.bias', 'fc6/bias', [4096]],
      ['classifier.4.weight', 'fc7/kernel', [4096, 4096]],
      ['classifier.4.bias', 'fc7/bias', [4096]],
      ['classifier.6.weight', 'fc8/kernel', [10, 4096]],
      ['classifier.6.bias', 'fc8/bias', [10]],
    ]);
  });

  test.each([
    ['the article', { inputSize: 227, channels: 1, classes: 10 }, undefined, 227],
    ['the article for ImageNet', { inputSize: 224, channels: 3, classes: 1000 }, undefined, 227],
    ['a note in the file', { inputSize: 224, channels: 1, classes: 10 }, 224, 224],
    ['a small network', { inputSize: 64, channels: 1, classes: 7 }, undefined, 63],
  ])('dimensions are inferred from shapes: %s', (_, dimensions, note, inputSize) => {
    const tensors = new Map(
      parameters(ALEXNET, dimensions).map(({ key, shape }) => [
        key,
        { dtype: 'float32' as const, shape, strides: rowMajor(shape), start: 0 },
      ]),
    );
    const network = { layers: ALEXNET, inputSize: 227 };
    expect(inferDimensions(network, { tensors }, note)).toEqual({
      ...dimensions,
      inputSize,
    });
  });
});

describe('reading', () => {
  test.each([
    'float32.pth',
    'float16.pth',
    'bfloat16.pth',
    'float64.pth',
    'cuda.pth',
    'parameters.pth',
    'strided.pth',
    'protocol3.pth',
    'protocol4.pth',
    'protocol5.pth',
    'checkpoint.pth', // weights as module.… in state_dict, beside epoch, optimizer, a numpy scalar, an object, a set
    'compiled.pth', // module._orig_mod.…
    'lightning.ckpt', // model.… in state_dict
    'float32.safetensors',
    'bfloat16.safetensors',
  ])('%s gives the weights of pth.py', async (name) => {
    await expectNoLeak(async () => {
      const model = await loadStateDict(reference(name), { layers });
      model.getWeights().forEach((weight, i) => {
        expect([...weight.dataSync()]).toEqual(expectedWeights()[i]);
      });
      expect(model.inputs[0].shape).toEqual([null, 25, 25, 2]); // 25 to 28 pixels give the same number of features
      model.dispose();
    });
  });

  test('the loaded network gives the logits of PyTorch', async () => {
    const { logits } = JSON.parse(fs.readFileSync(reference('output.json'), 'utf8'));
    const model = await loadStateDict(reference('float32.pth'), { layers, inputSize: 28 });
    const output = tf.tidy(() => {
      const values = Array.from({ length: 2 * 2 * 28 * 28 }, (_, i) => pattern(i, 100));
      const x = tf.tensor4d(values, [2, 2, 28, 28]).transpose([0, 2, 3, 1]);
      return (model.predict(x) as tf.Tensor).arraySync() as number[][];
    });
    expect(maxDifference(output.flat(), logits.flat())).toBeLessThan(1e-6);
    model.dispose();
  });

  test('a prefix that was removed is said; of two networks in a file, one has to be named', async () => {
    const said: string[] = [];
    const say = (line: string) => said.push(line);
    const load = async (name: string, key?: string) => {
      const model = await loadStateDict(reference(name), { layers, mean: [0], key, say });
      const [first] = model.getWeights()[0].dataSync();
      model.dispose();
      return first;
    };
    const first = await load('compiled.pth');
    expect(said).toEqual([
      expect.stringMatching(/all keys begin with module\._orig_mod\.; this prefix is ignored/),
    ]);
    await expect(load('two.pth')).rejects.toThrow(
      'two.pth: holds several networks: model, ema. Choose one with --key',
    );
    expect([await load('two.pth', 'model'), await load('two.pth', 'ema')]).toEqual([
      first,
      first + 1,
    ]);
    await expect(load('two.pth', 'net')).rejects.toThrow(
      'no entry net with weights, only model, ema',
    );
  });

  test('for a file of others, the assumed normalisation is said', async () => {
    const said: string[] = [];
    const say = (line: string) => said.push(line);
    (await loadStateDict(reference('float32.pth'), { layers, say })).dispose();
    (await loadStateDict(reference('float32.pth'), { layers, mean: [0], std: [1], say })).dispose();
    expect(said).toEqual([expect.stringMatching(/does not say how .* Assuming mean 0.5/)]);
  });

  test('the content decides the format, not the file name', async () => {
    for (const name of ['float32.pth', 'float32.safetensors']) {
      const file = place(`weights-of-${path.extname(name).slice(1)}`);
      fs.copyFileSync(reference(name), file);
      (await loadStateDict(file, { layers })).dispose();
    }
  });

  test('a model can be refused before its weights are read', async () => {
    const onProgress = jest.fn();
    const accept = ({ channels, classes }: { channels?: number; classes?: number }) => {
      throw new InputError(`${channels} channels, ${classes} classes`);
    };
    const load = loadStateDict(reference('float32.pth'), { layers, accept, onProgress });
    await expect(load).rejects.toThrow('float32.pth: 2 channels, 3 classes');
    expect(onProgress).not.toHaveBeenCalled();
  });

  test('progress reaches its total exactly once', async () => {
    const seen: Progress[] = [];
    const onProgress = (progress: Progress) => seen.push(progress);
    (await loadStateDict(reference('float32.pth'), { layers, onProgress })).dispose();
    const last = { label: 'Reading float32.pth', done: 1, total: 1, unit: 'MB' };
    expect(seen.at(-1)).toMatchObject(last);
    expect(seen.filter(({ done, total }) => done >= total).length).toBe(1);
  });

  test('half precision: zero, subnormal, one, the largest number, infinity, NaN', () => {
    const bits = [
      0x0000, 0x8000, 0x0001, 0x83ff, 0x0400, 0x3c00, 0xc500, 0x7bff, 0x7c00, 0xfc00, 0x7e00,
    ];
    expect([...toFloat32(new Uint8Array(Uint16Array.from(bits).buffer), 'float16')]).toEqual([
      ...[0, -0, 2 ** -24, -1023 * 2 ** -24, 2 ** -14, 1, -5, 65504],
      ...[Number.NaN, Number.NaN, Number.NaN], // infinity is refused like NaN
    ]);
  });
});

describe('writing', () => {
  test.each(['pth', 'safetensors'])('reading gives what was written: .%s', async (extension) => {
    const file = place(`round.${extension}`);
    await expectNoLeak(async () => {
      const model = alexnet({ layers, inputSize: 28, channels: 2, classes: 3, seed: 5 });
      await saveStateDict(model, file, { layers });
      const loaded = await loadStateDict(file, { layers });
      expect(weightsOf(loaded)).toEqual(weightsOf(model));
      expect(inputSizeOf(loaded)).toBe(28); // from the note in our own files
      for (const each of [model, loaded]) each.dispose();
    });
    expect(fs.readdirSync(temporary).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });

  test('the same weights give the same file, with the entries that PyTorch writes', async () => {
    const model = await loadStateDict(reference('float32.pth'), { layers });
    const [first, second] = [place('first.pth'), place('second.pth')];
    await saveStateDict(model, first, { layers });
    await saveStateDict(model, second, { layers });
    expect(fs.readFileSync(first).equals(fs.readFileSync(second))).toBe(true);
    const [ours, theirs] = [first, reference('float32.pth')].map((file) =>
      unzipSync(fs.readFileSync(file)),
    );
    const numbers = Object.keys(theirs).filter((name) =>
      /\/data\/|\/version$|byteorder/.test(name),
    );
    expect(numbers.length).toBe(10);
    for (const name of numbers) expect(ours[name]).toEqual(theirs[name]);
    expect(strFromU8(ours['archive/alexnet.json'])).toBe('{"inputSize":25,"info":{}}');
    model.dispose();
  });

  test('numbers begin at multiples of 64 bytes', async () => {
    const model = alexnet({ layers, inputSize: 28 });
    const file = place('aligned.pth');
    await saveStateDict(model, file, { layers });
    const bytes = fs.readFileSync(file);
    for (const weight of model.getWeights().filter(({ rank }) => rank === 1)) {
      const start = bytes.indexOf(Buffer.from(weight.dataSync().buffer));
      expect(start).toBeGreaterThan(0);
      expect(start % 64).toBe(0);
    }
    model.dispose();
  });

  test('another network than that of the table is refused, with every difference', async () => {
    const model = alexnet({ layers, inputSize: 28 });
    const file = place('other.pth');
    await expect(saveStateDict(model, file)).rejects.toThrow(/input size 28 is too small/);
    const others = layers.map((layer) => ({ ...layer, name: `${layer.name}x` }));
    await expect(saveStateDict(model, file, { layers: others })).rejects.toThrow(
      /other.pth: the model is not the network .*missing: conv1x\/kernel, .*not in the network: .*fc4\/bias/,
    );
    expect(fs.existsSync(file)).toBe(false);
    model.dispose();
  });

  test('a path that cannot be written gives an InputError', async () => {
    const model = alexnet({ layers, inputSize: 28 });
    fs.writeFileSync(place('blocked'), 'x');
    const saved = saveStateDict(model, place('blocked/weights.pth'), { layers });
    await expect(saved).rejects.toThrow(/weights.pth: cannot be written/);
    await expect(saved).rejects.toThrow(InputError);
    model.dispose();
  });
});
