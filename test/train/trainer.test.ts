import { slice } from '../../src/data/index';
import { alexnet, type LayerSpec } from '../../src/model/index';
import type { Progress } from '../../src/progress';
import { tf } from '../../src/tf/index';
import {
  AdamW,
  type EpochRecord,
  GradScaler,
  scheduledRate,
  train,
  trainableVariables,
  trainStep,
  validate,
} from '../../src/train/index';
import { barSet } from '../support/sets';
import { expectNoLeak, maxDifference } from '../support/tensors';

const layers: LayerSpec[] = [
  { kind: 'conv', name: 'conv', filters: 8, kernel: 5, stride: 2, padding: 2 },
  { kind: 'maxPool', name: 'pool', kernel: 3, stride: 2 },
  { kind: 'flatten', name: 'flatten' },
  { kind: 'dropout', name: 'dropout' },
  { kind: 'dense', name: 'fc', units: 32, relu: true },
  { kind: 'dense', name: 'out', units: 0, relu: false },
];
const build = (dropout = 0) => alexnet({ inputSize: 28, layers, dropout, seed: 1 });
const set = barSet(200);
const weights = (model: tf.LayersModel) =>
  tf.tidy(() => model.getWeights().flatMap((w) => [...w.dataSync()]));

test('learns, tells how far it is, and leaks nothing', async () => {
  const model = build(0.2);
  const progress: Progress[] = [];
  const told: EpochRecord[] = [];
  await train(model, slice(set, 0, 10), { epochs: 1, batchSize: 10 }); // burn-in
  const history = await expectNoLeak(() =>
    train(model, slice(set, 0, 150), {
      epochs: 3,
      batchSize: 20,
      learningRate: 5e-3,
      validation: slice(set, 150, 200),
      onProgress: (p) => progress.push(p),
      onEpoch: (record) => {
        told.push(record);
      },
    }),
  );
  const [first, , last] = history.epochs;
  expect(last.valAccuracy).toBeGreaterThan(0.95);
  expect(last.trainLoss).toBeLessThan(first.trainLoss / 2);
  expect(told).toEqual(history.epochs);
  expect(history.steps.map((s) => s.step)).toEqual(Array.from({ length: 24 }, (_, i) => i + 1)); // 8 a epoch
  expect(progress.filter((p) => p.label === 'Epoch 2/3').map((p) => p.done)).toEqual([
    1, 2, 3, 4, 5, 6, 7, 8,
  ]);
  expect(progress.filter((p) => p.label === 'Validating').length).toBe(3 * 3);
  expect(last.imagesPerSecond).toBeCloseTo(150 / last.seconds, 6);
});

test('bfloat16 learns as float32 does, and leaks nothing', async () => {
  const runs = [];
  for (const precision of ['float32', 'bfloat16'] as const) {
    const model = build();
    const options = { batchSize: 20, learningRate: 5e-3, precision };
    await train(model, slice(set, 0, 20), { ...options, epochs: 1 }); // burn-in
    const { steps } = await expectNoLeak(() =>
      train(model, slice(set, 0, 160), { ...options, epochs: 3 }),
    );
    runs.push(steps.map(({ loss }) => loss));
  }
  expect(maxDifference(runs[0], runs[1])).toBeLessThan(0.1);
  expect(runs[0]).not.toEqual(runs[1]);
  expect(runs[1].at(-1)).toBeLessThan(0.3);
});

test('float16: an overflow skips the update and halves the scale, and the next one is made', () => {
  const model = build();
  const optimizer = new AdamW();
  const scaler = new GradScaler({ initialScale: 2 ** 40 });
  const options = { precision: 'float16', scaler } as const;
  const before = weights(model);
  const results = Array.from({ length: 40 }, () =>
    trainStep(model, optimizer, set, [[0, 1, 2, 3]], options),
  );
  const skipped = results.filter((r) => r.skipped).length;
  expect(results[0].skipped).toBe(true);
  expect(skipped).toBeLessThan(40);
  expect(scaler.scale).toBe(2 ** (40 - skipped));
  expect(optimizer.steps).toBe(40 - skipped);
  expect(maxDifference(weights(model), before)).toBeGreaterThan(0);
  expect(results[0].lossSum / 4).toBeCloseTo(Math.log(10), 0); // the loss itself is unscaled
  optimizer.dispose();
});

test('float16 learns as float32 does', async () => {
  const options = { epochs: 3, batchSize: 20, learningRate: 5e-3 };
  const losses = [];
  for (const precision of ['float32', 'float16'] as const) {
    const { steps } = await train(build(), slice(set, 0, 160), { ...options, precision });
    losses.push(steps.map(({ loss }) => loss));
  }
  expect(losses[1].at(-1)).toBeLessThan(0.3);
  expect(Math.abs(losses[0].at(-1)! - losses[1].at(-1)!)).toBeLessThan(0.1);
});

test('the learning rate follows its schedule over all epochs', async () => {
  const options = { epochs: 2, batchSize: 25, schedule: 'cosine', learningRate: 1e-3 } as const;
  const { steps } = await train(build(), slice(set, 0, 100), options);
  expect(steps.map((s) => s.learningRate)).toEqual(
    steps.map((s) => scheduledRate('cosine', 1e-3, s.step, 8)),
  );
});

test('the loss of an epoch is the mean over images, the short last batch included', async () => {
  const model = build();
  const frozen = { epochs: 1, learningRate: 1e-12, weightDecay: 0 };
  const { loss, accuracy } = await validate(model, set, { batchSize: 64 });
  const history = await train(model, set, { ...frozen, batchSize: 64 }); // 64 + 64 + 64 + 8
  expect(history.epochs[0].trainLoss).toBeCloseTo(loss, 5);
  expect(history.epochs[0].trainAccuracy).toBeCloseTo(accuracy, 9);
  expect(history.epochs[0].valLoss).toBeNull();
});

test('four batches accumulated are one batch four times as large', () => {
  const results = [[32], [8, 8, 8, 8], [20, 12]].map((sizes) => {
    const model = build();
    const optimizer = new AdamW({ learningRate: 1e-3 });
    let start = 0;
    const group = sizes.map((size) => {
      start += size;
      return Uint32Array.from({ length: size }, (_, i) => start - size + i);
    });
    const step = trainStep(model, optimizer, set, group);
    return { step, weights: weights(model), updates: optimizer.steps };
  });
  const [whole, ...parts] = results;
  for (const part of parts) {
    expect(part.updates).toBe(1);
    expect(part.step.lossSum / whole.step.lossSum).toBeCloseTo(1, 5);
    expect(part.step.correct).toBe(whole.step.correct);
    // Adam's first step is lr · sign(gradient): only gradients near rounding error may differ.
    const differences = part.weights.filter((w, i) => Math.abs(w - whole.weights[i]) > 1e-5).length;
    expect(differences / whole.weights.length).toBeLessThan(0.001);
  }
});

test('an incomplete group at the end of an epoch still makes its update', async () => {
  const history = await train(build(), slice(set, 0, 50), {
    epochs: 1,
    batchSize: 10,
    accumulationSteps: 2,
  });
  expect(history.steps.length).toBe(3); // 2 + 2 + 1 batches
});

test('the seed fixes the run to the last bit', async () => {
  const runs = [];
  for (const seed of [1, 1, 2]) {
    const model = build(0.5);
    await train(model, slice(set, 0, 60), { epochs: 1, batchSize: 20, seed });
    runs.push(weights(model));
  }
  expect(runs[0]).toEqual(runs[1]);
  expect(maxDifference(runs[0], runs[2])).toBeGreaterThan(0);
});

test('an interrupt ends the training after the update', async () => {
  const model = build();
  let heard = 0;
  const other = () => {
    heard++;
  };
  process.on('SIGINT', other);
  let seen = 0;
  const history = await train(model, set, {
    epochs: 3,
    batchSize: 10,
    onProgress: () => {
      if (++seen === 4) process.emit('SIGINT');
    },
  });
  expect(history.interrupted).toBe(true);
  expect(history.steps.length).toBe(4);
  expect(history.epochs.length).toBe(1);
  expect(heard).toBe(0); // others do not act on it meanwhile, and get the next one
  process.emit('SIGINT');
  expect(heard).toBe(1);
  process.removeListener('SIGINT', other);
  expect(process.listenerCount('SIGINT')).toBe(0);
});

test.each([
  [{ epochs: 0 }, 'epochs is 0, want a positive whole number'],
  [{ batchSize: 0 }, 'batch size is 0'],
  [{ accumulationSteps: 1.5 }, 'accumulation steps is 1.5'],
  [{ learningRate: 0 }, 'learning rate is 0, want more than 0'],
  [{ weightDecay: -1 }, 'weight decay is -1, want 0 or more'],
])('refuses %j', async (options, message) => {
  const model = build();
  await expectNoLeak(() => expect(train(model, set, options)).rejects.toThrow(message));
});

test('refuses a model that does not know the classes of the set, or wants colours', async () => {
  const five = alexnet({ inputSize: 28, layers, classes: 5 });
  const message = 'the model takes 1 channel(s) and knows 5 classes, bars has 1 and 10';
  await expect(train(five, set)).rejects.toThrow(message);
  await expect(validate(five, set)).rejects.toThrow(message);
  const colour = alexnet({ inputSize: 28, layers, channels: 3 });
  await expect(train(colour, set)).rejects.toThrow('takes 3 channel(s)');
});

test('an interrupt ends the validation too, and the epoch is kept without it', async () => {
  const history = await train(build(), slice(set, 0, 50), {
    epochs: 2,
    batchSize: 10,
    validation: set,
    onProgress: ({ label, done }) => {
      if (label === 'Validating' && done === 2) process.emit('SIGINT');
    },
  });
  expect(history.interrupted).toBe(true);
  expect(history.epochs.map((e) => [e.epoch, e.valLoss])).toEqual([[1, null]]);
});

test('trainable variables come in the order of the layers', () => {
  expect(trainableVariables(build()).map((v) => v.shape.join('×'))).toEqual([
    '5×5×1×8',
    '8',
    '288×32',
    '32',
    '32×10',
    '10',
  ]);
});
