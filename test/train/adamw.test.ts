import reference from '../../parity/golden/adamw.json';
import { tf } from '../../src/tf/index';
import { AdamW, PlainAdamW } from '../../src/train/index';
import { expectNoLeak, maxDifference } from '../support/tensors';

/** The gradients that parity/reference/adamw.py uses too: no random numbers, so both sides agree. */
function gradient(step: number, index: number): number {
  return Math.sin(0.7 * index + 0.13 * step) * 10 ** ((index % 5) - 3);
}

describe.each([
  ['AdamW', AdamW],
  ['PlainAdamW', PlainAdamW],
])('%s', (_, Optimizer) => {
  test.each(reference.cases)('100 steps equal PyTorch: $name', async ({ options, checkpoints }) => {
    await expectNoLeak(() => {
      const weights = tf.tidy(() => tf.variable(tf.tensor1d(reference.start)));
      const optimizer = new Optimizer(options);
      for (let step = 1; step <= 100; step++) {
        const values = Float32Array.from(reference.start, (_, index) => gradient(step, index));
        const gradients = { [weights.name]: tf.tensor1d(values) };
        optimizer.step([weights], gradients);
        tf.dispose(gradients);
        const want = (checkpoints as Record<string, number[]>)[step];
        if (want) expect(maxDifference(weights.dataSync(), want)).toBeLessThan(1e-6);
      }
      optimizer.dispose();
      weights.dispose();
    });
  });

  test('a variable without a gradient is an error that names it', () => {
    const weights = tf.variable(tf.ones([2]), true);
    expect(() => new Optimizer().step([weights], {})).toThrow(`no gradient for ${weights.name}`);
  });
});

test('a restored optimizer goes on to the last bit', async () => {
  await expectNoLeak(() => {
    const start = reference.start;
    const step = (optimizer: AdamW, weights: tf.Variable, n: number) => {
      const gradients = { [weights.name]: tf.tensor1d(start.map((_, i) => gradient(n, i))) };
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
