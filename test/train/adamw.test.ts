import { tf } from '../../src/tf/index';
import { AdamW, PlainAdamW } from '../../src/train/index';
import reference from '../reference/adamw.json';
import { expectNoLeak, maxDifference } from '../support/tensors';

/** The gradients that bench/reference/adamw.py uses too: no random numbers, so both sides agree. */
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
