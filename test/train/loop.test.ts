import { slice } from '../../src/data/index';
import { evaluate } from '../../src/evaluate/index';
import type { Progress } from '../../src/progress';
import {
  type EpochRecord,
  type History,
  scheduledRate,
  stepProgress,
  type Training,
  train,
} from '../../src/train/index';
import { barNetwork, barSet, weightsOf } from '../support/sets';
import { expectNoLeak, maxDifference } from '../support/tensors';

const set = barSet(200);

test('learns, reports its progress, and leaks nothing', async () => {
  const model = barNetwork({ dropout: 0.2 });
  const progress: Progress[] = [];
  const reported: EpochRecord[] = [];
  await train(model, slice(set, 0, 10), { epochs: 1, batchSize: 10 }); // burn-in
  const history = await expectNoLeak(() =>
    train(model, slice(set, 0, 150), {
      epochs: 3,
      batchSize: 20,
      learningRate: 5e-3,
      validate: () => evaluate(model, slice(set, 150, 200)),
      onStep: (training) => {
        progress.push(stepProgress(training));
      },
      onEpoch: (record) => {
        reported.push(record);
      },
    }),
  );
  const [first, , last] = history.epochs;
  expect(last.valAccuracy).toBeGreaterThan(0.95);
  expect(last.trainLoss).toBeLessThan(first.trainLoss / 2);
  expect(reported).toEqual(history.epochs);
  expect(history.steps.map((s) => s.step)).toEqual(Array.from({ length: 24 }, (_, i) => i + 1));
  expect(progress.filter((p) => p.label === 'Epoch 2/3').map((p) => p.done)).toEqual([
    1, 2, 3, 4, 5, 6, 7, 8,
  ]);
  expect(progress.every((p) => p.total === 8)).toBe(true);
  expect(last.imagesPerSecond).toBeCloseTo(150 / last.seconds, 6);
});

test('onEpoch is told when an epoch is the last one, also of a run that ends early', async () => {
  const options = { batchSize: 10, epochs: 3 };
  for (const [stopEarly, last] of [
    [() => false, [false, false, true]],
    [({ epochs }: History) => epochs.length === 2, [false, true]],
  ] as const) {
    const seen: boolean[] = [];
    const onEpoch = (_record: EpochRecord, _training: Training, isLast: boolean) => {
      seen.push(isLast);
    };
    await train(barNetwork(), slice(set, 0, 20), { ...options, stopEarly, onEpoch });
    expect(seen).toEqual(last);
  }
});

test('bfloat16 learns as float32 does, and leaks nothing', async () => {
  const runs = [];
  for (const precision of ['float32', 'bfloat16'] as const) {
    const model = barNetwork();
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

test('float16 learns as float32 does', async () => {
  const options = { epochs: 3, batchSize: 20, learningRate: 5e-3 };
  const losses = [];
  for (const precision of ['float32', 'float16'] as const) {
    const { steps } = await train(barNetwork(), slice(set, 0, 160), { ...options, precision });
    losses.push(steps.map(({ loss }) => loss));
  }
  expect(losses[1].at(-1)).toBeLessThan(0.3);
  expect(Math.abs(losses[0].at(-1)! - losses[1].at(-1)!)).toBeLessThan(0.1);
});

test('the learning rate follows its schedule over all epochs', async () => {
  const options = { epochs: 2, batchSize: 25, schedule: 'cosine', learningRate: 1e-3 } as const;
  const { steps } = await train(barNetwork(), slice(set, 0, 100), options);
  expect(steps.map((s) => s.learningRate)).toEqual(
    steps.map((s) => scheduledRate('cosine', 1e-3, s.step, 8)),
  );
});

test('the loss of an epoch is the mean over images, the short last batch included', async () => {
  const model = barNetwork();
  const frozen = { epochs: 1, learningRate: 1e-12, weightDecay: 0 };
  const { loss, accuracy } = await evaluate(model, set, { batchSize: 64 });
  const history = await train(model, set, { ...frozen, batchSize: 64 }); // 64 + 64 + 64 + 8
  expect(history.epochs[0].trainLoss).toBeCloseTo(loss, 5);
  expect(history.epochs[0].trainAccuracy).toBeCloseTo(accuracy, 9);
  expect(history.epochs[0].valLoss).toBeNull();
});

test('an incomplete group at the end of an epoch is a step too', async () => {
  const history = await train(barNetwork(), slice(set, 0, 50), {
    epochs: 1,
    batchSize: 10,
    accumulationSteps: 2,
  });
  expect(history.steps.length).toBe(3); // 2 + 2 + 1 batches
});

test('the seed determines the run bit for bit', async () => {
  const runs = [];
  for (const seed of [1, 1, 2]) {
    const model = barNetwork({ dropout: 0.5 });
    await train(model, slice(set, 0, 60), { epochs: 1, batchSize: 20, seed });
    runs.push(weightsOf(model));
  }
  expect(runs[0]).toEqual(runs[1]);
  expect(maxDifference(runs[0], runs[2])).toBeGreaterThan(0);
});

test('an abort ends training after the current step', async () => {
  const stop = new AbortController();
  const history = await train(barNetwork(), set, {
    epochs: 3,
    batchSize: 10,
    signal: stop.signal,
    onStep: ({ history }) => {
      if (history.steps.length === 4) stop.abort();
    },
  });
  expect(history.interrupted).toBe(true);
  expect(history.steps.length).toBe(4);
  expect(history.epochs.length).toBe(1);
});

test('an abort during validation keeps the epoch without its result', async () => {
  const stop = new AbortController();
  const history = await train(barNetwork(), slice(set, 0, 50), {
    epochs: 2,
    batchSize: 10,
    signal: stop.signal,
    validate: async () => {
      stop.abort();
      return undefined;
    },
  });
  expect(history.interrupted).toBe(true);
  expect(history.epochs.map((e) => [e.epoch, e.valLoss])).toEqual([[1, null]]);
});

test.each([
  [{ epochs: 0 }, 'epochs is 0, want a positive whole number'],
  [{ batchSize: 0 }, 'batchSize is 0, want a positive whole number'],
  [{ accumulationSteps: 1.5 }, 'accumulationSteps is 1.5, want a positive whole number'],
  [{ learningRate: 0 }, 'learningRate is 0, want a number greater than 0'],
  [{ weightDecay: -1 }, 'weightDecay is -1, want a number, 0 or greater'],
  [{ precision: 'half' as never }, "precision is 'half', want one of float32, bfloat16, float16"],
])('refuses %j', async (options, message) => {
  const model = barNetwork();
  await expectNoLeak(() => expect(train(model, set, options)).rejects.toThrow(message));
});

test('refuses a model whose classes or channels do not match the set', async () => {
  const five = barNetwork({ classes: 5 });
  const message = 'the model has 5 classes, bars has 10';
  await expect(train(five, set)).rejects.toThrow(message);
  await expect(evaluate(five, set)).rejects.toThrow(message);
  await expect(train(barNetwork({ channels: 3 }), set)).rejects.toThrow(
    'the model wants colour images, those of bars are grey',
  );
});
