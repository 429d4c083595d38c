import { findLearningRate } from '../../src/train/index';
import { barNetwork, barSet, weightsOf } from '../support/sets';
import { expectNoLeak } from '../support/tensors';

test('the finder raises the rate until the loss explodes, and gives the model its weights back', async () => {
  const model = barNetwork();
  const before = weightsOf(model);
  const options = { from: 1e-4, to: 1e3, steps: 36, batchSize: 16 };
  const { rates, losses, suggestion } = await expectNoLeak(() =>
    findLearningRate(model, barSet(64), options),
  );
  expect(weightsOf(model)).toEqual(before);
  expect(rates[0]).toBeCloseTo(1e-4, 9);
  expect(rates[5] / rates[0]).toBeCloseTo(10, 6); // 7 powers of ten in 35 steps
  expect(rates.length).toBeLessThan(36); // stopped early
  expect(losses.length).toBe(rates.length);
  const best = rates[losses.indexOf(Math.min(...losses))];
  expect(suggestion).toBeCloseTo(best / 10, 12);
  expect(best).toBeGreaterThan(1e-3);
});
