import { type Precision, tf } from '../../src/tf/index';
import { GradScaler, newTraining, type TrainSettings, trainStep } from '../../src/train/index';
import { countHandles } from '../support/handles';
import { barNetwork, barSet, weightsOf } from '../support/sets';
import { maxDifference } from '../support/tensors';

const set = barSet(64);
const range = (start: number, length: number) => Uint32Array.from({ length }, (_, i) => start + i);
const training = (options: Partial<TrainSettings> = {}) => newTraining(barNetwork(), options);

test('four accumulated batches equal one large batch', () => {
  const results = [[32], [8, 8, 8, 8], [20, 12]].map((sizes) => {
    const state = training();
    let start = 0;
    const batches = sizes.map((size) => {
      start += size;
      return range(start - size, size);
    });
    const step = trainStep(state, set, batches);
    state.optimizer.dispose();
    return { step, weights: weightsOf(state.model), steps: state.optimizer.steps };
  });
  const [whole, ...parts] = results;
  for (const part of parts) {
    expect(part.steps).toBe(1);
    expect(part.step.lossSum / whole.step.lossSum).toBeCloseTo(1, 5);
    expect(part.step.correct).toBe(whole.step.correct);
    // Adam's first step is lr · sign(gradient): only gradients near rounding error may differ.
    const differences = part.weights.filter((w, i) => Math.abs(w - whole.weights[i]) > 1e-5).length;
    expect(differences / whole.weights.length).toBeLessThan(0.001);
  }
});

test('float16: an overflow skips the step and halves the scale, until a step succeeds', () => {
  const scaler = new GradScaler(2 ** 40);
  const state = { ...training({ precision: 'float16' }), scaler };
  const before = weightsOf(state.model);
  const results = Array.from({ length: 40 }, () => trainStep(state, set, [[0, 1, 2, 3]]));
  const skipped = results.filter((r) => r.skipped).length;
  expect(results[0].skipped).toBe(true);
  expect(skipped).toBeLessThan(40);
  expect(scaler.scale).toBe(2 ** (40 - skipped));
  expect(state.optimizer.steps).toBe(40 - skipped);
  expect(maxDifference(weightsOf(state.model), before)).toBeGreaterThan(0);
  expect(results[0].lossSum / 4).toBeCloseTo(Math.log(10), 0); // the loss itself is unscaled
  state.optimizer.dispose();
});

test('a loss that is not finite leaves the weights unchanged', () => {
  const state = training();
  const [kernel] = state.model.trainableWeights;
  kernel.write(tf.fill(kernel.shape as number[], Number.NaN));
  const before = weightsOf(state.model).filter(Number.isFinite);
  const result = trainStep(state, set, [range(0, 8), range(8, 8)]);
  expect(result.skipped).toBe(true);
  expect(result.lossSum).toBeNaN();
  expect(weightsOf(state.model).filter(Number.isFinite)).toEqual(before);
  expect(state.optimizer.steps).toBe(0);
});

test.each<Precision>(['float32', 'bfloat16', 'float16'])(
  '50 steps in %s leak no tensor, no handle and no memory',
  (precision) => {
    const state = training({ precision });
    const batches = [range(0, 32), range(32, 32)];
    const steps = (count: number) => {
      for (let i = 0; i < count; i++) trainStep(state, set, batches);
    };
    steps(20); // until the allocator has reached its size
    const before = { tensors: tf.memory().numTensors, resident: process.memoryUsage().rss };
    const handles = countHandles(() => steps(50));
    expect(tf.memory().numTensors).toBe(before.tensors);
    expect(handles).toBe(0);
    // One forgotten activation of the convolution would be 0.8 MiB in each step.
    expect(process.memoryUsage().rss / before.resident).toBeLessThan(1.05);
    state.optimizer.dispose();
  },
);
