import fs from 'node:fs';
import path from 'node:path';
import { alexnet, layerTable, NETWORKS, type NetworkName, totals } from '../../src/model/index';
import { loadStateDict, saveStateDict } from '../../src/pytorch/index';
import { weightsSha256 } from '../../src/runs/index';
import { train } from '../../src/train/index';
import { temporaryFolder } from '../support/idx';
import { barSet } from '../support/sets';

const temporary = temporaryFolder();
const names = Object.keys(NETWORKS) as NetworkName[];

test('parameters of the known networks', () => {
  const parameters = (name: NetworkName) => {
    const { layers, inputSize } = NETWORKS[name];
    return totals(layerTable(layers, { inputSize, channels: 1, classes: 10 })).parameters;
  };
  expect(parameters('alexnet')).toBe(57_029_322);
  expect(parameters('lenet5')).toBe(61_706); // as in every description of LeNet-5 with full connections
  expect(parameters('vgg6')).toBe(320 + 9248 + 18_496 + 36_928 + 1_048_832 + 2570);
});

test.each(names.filter((name) => name !== 'alexnet'))(
  '%s learns, and goes to PyTorch and back',
  async (name) => {
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
    expect(fs.existsSync(file)).toBe(true);
    model.dispose();
    back.dispose();
  },
);
