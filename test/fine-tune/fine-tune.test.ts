import path from 'node:path';
import { slice } from '../../src/data/index';
import { freezeFeatures, splitAtClassifier, withClasses } from '../../src/fine-tune/index';
import {
  alexnet,
  type BatchNorm,
  classNamesOf,
  describe as describeModel,
  infoOf,
  NETWORKS,
  namedWeights,
} from '../../src/model/index';
import { type RunOptions, trainRun, weightsSha256 } from '../../src/runs/index';
import { loadModel } from '../../src/storage/index';
import { tf } from '../../src/tf/index';
import { train } from '../../src/train/index';
import { temporaryFolder } from '../support/idx';
import { barNetwork, barSet } from '../support/sets';
import { expectNoLeak, maxDifference } from '../support/tensors';

const temporary = temporaryFolder();
const set = barSet(60, 3);
const validation = slice(barSet(30, 3, 2), 0, 20);

/** The network of `barNetwork`, with a last layer for three classes. */
const prepared = () => withClasses(barNetwork(), set.classNames, { seed: 7 });

/** The names of the weights that differ. */
function differing(a: Map<string, number[]>, b: Map<string, number[]>): string[] {
  return [...a.keys()].filter((name) => a.get(name)!.join() !== b.get(name)!.join());
}
const valuesOf = (model: tf.LayersModel) =>
  new Map(namedWeights(model).map(({ name, variable }) => [name, [...variable.dataSync()]]));

test('other classes get a new last layer; the rest stays, and what the input has to be', async () => {
  await expectNoLeak(() => {
    const model = barNetwork();
    describeModel(model, { classNames: ['a'], mean: [0.1], std: [0.3], resizeTo: 32 });
    const before = valuesOf(model);
    const after = withClasses(model, ['cat', 'dog'], { seed: 7 });
    expect(after.outputs[0].shape).toEqual([null, 2]);
    expect(differing(before, valuesOf(after))).toEqual(['out/kernel', 'out/bias']);
    expect(infoOf(after)).toEqual({ classNames: ['cat', 'dog'], mean: [0.1], std: [0.3] });
    expect(withClasses(after, ['cat', 'dog'])).toBe(after);
    after.dispose();
  });
});

test('a model whose last layer is a softmax is refused', () => {
  const model = tf.sequential();
  model.add(tf.layers.flatten({ inputShape: [2, 2, 1] }));
  model.add(tf.layers.dense({ units: 3, activation: 'softmax', name: 'end' }));
  expect(() => withClasses(model, ['a', 'b'])).toThrow(
    'the last layer is end (Dense, softmax), want a dense layer without an activation',
  );
  model.dispose();
});

test('frozen features do not change, and kept ones give the same training as computed ones', async () => {
  await expectNoLeak(async () => {
    const settings = { epochs: 2, batchSize: 20, learningRate: 1e-3, freeze: 'features' } as const;
    const [kept, computed] = [prepared(), prepared()];
    const before = valuesOf(kept);
    const folder = path.join(temporary, 'kept');
    const history = await trainRun(folder, kept, set, { ...settings, validation });
    freezeFeatures(computed);
    const inSteps = await train(computed, set, settings);
    const losses = (steps: { loss: number }[]) => steps.map(({ loss }) => loss);
    expect(maxDifference(losses(history.steps), losses(inSteps.steps))).toBeLessThan(1e-5);
    for (const model of [kept, computed]) {
      expect(differing(before, valuesOf(model))).toEqual([
        ...['fc/kernel', 'fc/bias', 'out/kernel', 'out/bias'],
      ]);
    }
    // What is saved is the whole model, with everything trainable again.
    const loaded = await loadModel(folder);
    expect(weightsSha256(loaded)).toBe(weightsSha256(kept));
    expect(classNamesOf(loaded)).toEqual(['0', '1', '2']);
    expect(loaded.trainableWeights.length).toBe(loaded.weights.length);
    for (const model of [kept, computed, loaded]) model.dispose();
  });
});

test.each([false, true])(
  'a fine-tuning that is killed continues with the same weights, bit for bit; augmented: %s',
  async (augment) => {
    const options: RunOptions = {
      ...{ epochs: 3, batchSize: 20, freeze: 'features', augment, validation },
      ...{ checkpointSteps: 2, memoryCheck: false },
    };
    const run = async (name: string, steps = Number.POSITIVE_INFINITY) => {
      const model = prepared();
      const folder = path.join(temporary, `${name}-${augment}`);
      const onStep: RunOptions['onStep'] = () => {
        if (steps-- === 0) throw new Error('killed');
      };
      try {
        await trainRun(folder, model, set, { ...options, onStep });
        return weightsSha256(model);
      } finally {
        model.dispose();
      }
    };
    const whole = await run('whole');
    for (let i = 0; i < 2; i++) await expect(run('killed', 3)).rejects.toThrow('killed');
    expect(await run('killed')).toBe(whole);
  },
);

test("frozen batch normalisation keeps its averages, and a residual network's features are pooled ones", async () => {
  const { layers, inputSize } = NETWORKS.resnet8;
  const model = withClasses(alexnet({ layers, inputSize }), set.classNames);
  const { features, classifier } = splitAtClassifier(model)!;
  expect([features.outputs[0].shape, classifier.inputs[0].shape]).toEqual([
    [null, 7, 7, 64],
    [null, 7, 7, 64],
  ]);
  classifier.dispose();
  freezeFeatures(model);
  const before = valuesOf(model);
  await train(model, set, { epochs: 1, batchSize: 20 });
  expect(differing(before, valuesOf(model))).toEqual(['fc/kernel', 'fc/bias']);
  expect((model.getLayer('bn1') as BatchNorm).calls).toBe(0);
  model.dispose();
});
