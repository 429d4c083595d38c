import { autocast, backend, tf } from '../../src/tf/index';
import { AdamW, PlainAdamW } from '../../src/train/index';
import { expectNoLeak, maxDifference } from '../support/tensors';

// parity/ compares both optimizers with PyTorch.
describe.each([
  ['AdamW', AdamW],
  ['PlainAdamW', PlainAdamW],
])('%s', (_, Optimizer) => {
  test('two steps computed by hand', async () => {
    const options = { learningRate: 0.1, weightDecay: 0.1, beta1: 0.5, beta2: 0.5, epsilon: 2 };
    await expectNoLeak(() => {
      const weights = tf.tidy(() => tf.variable(tf.tensor1d([1])));
      const optimizer = new Optimizer(options);
      const step = (gradient: number) => {
        const gradients = { [weights.name]: tf.tensor1d([gradient]) };
        optimizer.step([weights], gradients);
        tf.dispose(gradients);
        return weights.dataSync()[0];
      };
      // m = 1, v = 2; corrected by 1 - 0.5: m = 2, v = 4. w = 1 · 0.99 - 0.1 · 2 / (√4 + 2)
      expect(step(2)).toBeCloseTo(0.94, 6);
      // m = -0.5, v = 3; corrected by 1 - 0.25: m = -2/3, v = 4. w = 0.94 · 0.99 + 0.1 · 2/3 / (√4 + 2)
      expect(step(-2)).toBeCloseTo(0.94 * 0.99 + 1 / 60, 6);
      optimizer.dispose();
      weights.dispose();
    });
  });

  test('a variable without a gradient is an error that names it', () => {
    const weights = tf.variable(tf.ones([2]), true);
    expect(() => new Optimizer().step([weights], {})).toThrow(`no gradient for ${weights.name}`);
  });
});

test('a restored optimizer continues bit for bit', async () => {
  await expectNoLeak(() => {
    const start = [0.5, -0.25, 1, -2, 0.001, 3, -0.7, 0];
    const step = (optimizer: AdamW, weights: tf.Variable, n: number) => {
      const gradients = {
        [weights.name]: tf.tensor1d(start.map((_, i) => Math.sin(0.7 * i + 0.13 * n))),
      };
      optimizer.step([weights], gradients);
      tf.dispose(gradients);
    };
    const weights = tf.tidy(() => tf.variable(tf.tensor1d(start)));
    const [whole, second] = [new AdamW(), new AdamW()];
    for (let n = 1; n <= 3; n++) step(whole, weights, n);
    const { steps, moments } = whole.state;
    const copy = tf.tidy(() => tf.variable(weights.clone()));
    second.loadState({ steps, moments: { [copy.name]: moments[weights.name] } }, [copy]);
    for (let n = 4; n <= 6; n++) {
      step(whole, weights, n);
      step(second, copy, n);
    }
    expect([...copy.dataSync()]).toEqual([...weights.dataSync()]);
    expect(() => second.loadState({ steps: 1, moments: {} }, [copy])).toThrow(
      `the moments of ${copy.name} have 0 values, want 8`,
    );
    for (const each of [whole, second]) each.dispose();
    tf.dispose([weights, copy]);
  });
});

test('clones of a variable keep their value', () => {
  tf.tidy(() => {
    const weights = tf.variable(tf.tensor1d([1, 2]));
    const clone = weights.clone();
    const optimizer = new AdamW({ learningRate: 0.1 });
    optimizer.step([weights], { [weights.name]: tf.tensor1d([1, 1]) });
    expect([...clone.dataSync()]).toEqual([1, 2]);
    expect(weights.dataSync()[0]).toBeCloseTo(0.899, 6);
    optimizer.dispose();
    weights.dispose();
  });
});

test('a copy of the gradient in low precision does not replace it', () => {
  tf.tidy(() => {
    const gradient = tf.tensor2d([1.0009765625, 0, 0, 0], [2, 2]); // not a bfloat16
    autocast('bfloat16', () => tf.matMul(gradient, gradient)); // leaves the copy
    expect(backend().tensorMap.get(gradient.dataId).low).toBeDefined();
    const weights = tf.variable(tf.zeros([2, 2]));
    const optimizer = new AdamW({ beta1: 0.5 });
    optimizer.step([weights], { [weights.name]: gradient });
    expect(optimizer.state.moments[weights.name].first()[0]).toBe(0.5 * 1.0009765625);
    optimizer.dispose();
    weights.dispose();
  });
});

test('the op for GPUs gives the same numbers', async () => {
  await expectNoLeak(() => {
    const trained = [backend().isUsingGpuDevice, true].map((isUsingGpuDevice) => {
      const weights = tf.tidy(() => tf.variable(tf.linspace(-1, 1, 1000)));
      const optimizer = new AdamW({ learningRate: 0.01 });
      const before = backend().isUsingGpuDevice;
      Object.assign(backend(), { isUsingGpuDevice });
      try {
        for (let n = 1; n <= 3; n++) {
          tf.tidy(() => optimizer.step([weights], { [weights.name]: weights.mul(n).sin() }));
        }
      } finally {
        Object.assign(backend(), { isUsingGpuDevice: before });
      }
      const values = weights.dataSync();
      optimizer.dispose();
      weights.dispose();
      return values;
    });
    expect(maxDifference(trained[0], trained[1])).toBeLessThan(1e-6);
    expect(maxDifference(trained[0], Float32Array.from(trained[0].keys()))).toBeGreaterThan(1);
  });
});
