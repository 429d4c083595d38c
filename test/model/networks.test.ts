import fs from 'node:fs';
import path from 'node:path';
import { readSquare } from '../../src/decode/index';
import {
  alexnet,
  BatchNorm,
  classNamesOf,
  countingLayers,
  describe as describeModel,
  infoOf,
  layerTable,
  NETWORKS,
  type NetworkName,
  totals,
} from '../../src/model/index';
import { predictFile } from '../../src/predict/index';
import { loadStateDict, saveStateDict } from '../../src/pytorch/index';
import { weightsSha256 } from '../../src/runs/index';
import { loadModel } from '../../src/storage/index';
import { tf } from '../../src/tf/index';
import { train } from '../../src/train/index';
import { root } from '../support/command';
import { temporaryFolder } from '../support/idx';
import { barSet } from '../support/sets';
import { maxDifference } from '../support/tensors';

const temporary = temporaryFolder();
const names = Object.keys(NETWORKS) as NetworkName[];

test('parameters of the known networks', () => {
  const parameters = (name: NetworkName) => {
    const { layers, inputSize } = NETWORKS[name];
    return totals(layerTable(layers, { inputSize, channels: 1, classes: 10 })).parameters;
  };
  expect(parameters('alexnet')).toBe(57_029_322);
  expect(parameters('lenet5')).toBe(61_706); // as in every description of LeNet-5 with full connections
  // The known number for one group, less 990 classes and two channels.
  expect(parameters('alexnet-2012')).toBe(62_378_344 - 990 * 4097 - 2 * 121 * 96);
  const blocks = [2 * 2304 + 2 * 32, 4608 + 9216 + 512 + 3 * 64, 18_432 + 36_864 + 2048 + 3 * 128];
  expect(parameters('resnet8')).toBe(144 + 32 + blocks[0] + blocks[1] + blocks[2] + 650);
  expect(parameters('vgg6')).toBe(320 + 9248 + 18_496 + 36_928 + 1_048_832 + 2570);
});

/** Those of 57 million parameters take too long. */
const small = names.filter((name) => name === 'alexnet-small' || !name.startsWith('alexnet'));

test.each(small)('%s learns, and goes to PyTorch and back', async (name) => {
  const { layers, inputSize } = NETWORKS[name];
  const model = alexnet({ layers, inputSize, initialisation: 'he', dropout: 0 });
  const { steps } = await train(model, barSet(200), {
    epochs: 3,
    batchSize: 20,
    learningRate: 2e-3,
  });
  expect(steps.at(-1)!.loss).toBeLessThan(steps[0].loss / 3);
  const file = path.join(temporary, `${name}.pth`);
  await saveStateDict(model, file);
  const back = await loadStateDict(file);
  expect(back.inputs[0].shape).toEqual([null, inputSize, inputSize, 1]);
  expect(weightsSha256(back)).toBe(weightsSha256(model));
  expect(countingLayers(back).map(({ calls }) => calls)).toEqual(
    countingLayers(model).map((layer) => (layer instanceof BatchNorm ? layer.calls : 0)),
  );
  expect(fs.existsSync(file)).toBe(true);
  model.dispose();
  back.dispose();
});

test("torchvision's AlexNet brings ImageNet's names, normalisation and cropping", async () => {
  const { layers, pretrained } = NETWORKS['alexnet-imagenet'];
  const model = alexnet({ layers, inputSize: 224, channels: 3, classes: 1000, seed: 1 });
  const file = path.join(temporary, 'alexnet-owt.pth');
  await saveStateDict(model, file);
  model.dispose();
  const loaded = await loadStateDict(file);
  expect(loaded.inputs[0].shape).toEqual([null, 224, 224, 3]);
  expect(infoOf(loaded)).toMatchObject({
    mean: pretrained.mean,
    std: pretrained.std,
    resizeTo: 256,
  });
  expect(classNamesOf(loaded).slice(0, 2)).toEqual(['tench', 'goldfish']);
  // What it predicts for a photo is the batch of the cropped photo, normalised.
  const photo = path.join(root, 'samples', '2-chalk.jpg');
  const { probabilities } = await predictFile(loaded, photo);
  const pixels = await readSquare(photo, 224, 256);
  tf.tidy(() => {
    const planes = [0, 1, 2].map((c) =>
      tf.tensor4d(
        Float32Array.from(
          { length: 224 * 224 },
          (_, i) => (pixels[3 * i + c] / 255 - pretrained.mean[c]) / pretrained.std[c],
        ),
        [1, 224, 224, 1],
      ),
    );
    const want = tf.softmax(loaded.predict(tf.concat(planes, 3)) as tf.Tensor2D).dataSync();
    expect(maxDifference(probabilities, want)).toBeLessThan(1e-6);
  });
  loaded.dispose();
});

test('a weights file of ours keeps names and normalisation; wrong numbers are refused', async () => {
  const { layers, inputSize } = NETWORKS.lenet5;
  const model = alexnet({ layers, inputSize, classes: 2 });
  describeModel(model, { classNames: ['cat', 'dog'], mean: [0.1307], std: [0.3081] });
  for (const extension of ['pth', 'safetensors']) {
    const file = path.join(temporary, `noted.${extension}`);
    await saveStateDict(model, file);
    const said: string[] = [];
    const say = (line: string) => said.push(line);
    const loaded = await loadModel(file, { say });
    expect(infoOf(loaded)).toEqual({ classNames: ['cat', 'dog'], mean: [0.1307], std: [0.3081] });
    expect(said).toEqual([]);
    loaded.dispose();
    await expect(loadModel(file, { mean: [0, 0, 0] })).rejects.toThrow(
      'mean has 3 numbers, want 1, one per channel',
    );
  }
  model.dispose();
});
