import { lossOfGuessing, lossWarning } from '../../src/runs/loss-warning';
import type { History } from '../../src/train/index';

/** A history of one epoch with these losses. */
function history(losses: number[]): History {
  const steps = losses.map((loss, i) => ({ step: i + 1, learningRate: 1, loss, accuracy: 0 }));
  const epoch = { epoch: 1, steps: losses.length, trainLoss: 0, trainAccuracy: 0 };
  const times = { valLoss: null, valAccuracy: null, seconds: 1, imagesPerSecond: 1 };
  return { epochs: [{ ...epoch, ...times }], steps, interrupted: false };
}

test('the loss of guessing is the entropy of the labels', () => {
  expect(lossOfGuessing([0, 1, 2, 3])).toBeCloseTo(Math.log(4));
  expect(lossOfGuessing([0, 0, 0, 1])).toBeCloseTo(0.75 * Math.log(4 / 3) + 0.25 * Math.log(4));
});

test('a loss that is stuck, or far above guessing, is told in words; the end of the epoch counts', () => {
  const warning = (losses: number[]) => lossWarning(history(losses), Math.log(10));
  expect(warning(Array(20).fill(2.31))).toMatch(/is 2.31, which is about .*learned nothing yet/);
  expect(warning([...Array(15).fill(2.3), ...Array(5).fill(2.1)])).toBeUndefined();
  expect(warning([2.3, 2.2, ...Array(10).fill(2.5e10)])).toMatch(
    /is 2.5e\+10, far above .*diverged/,
  );
  expect(warning([6, 4, 2, 1, 0.5, 0.4, 0.3, 0.2])).toBeUndefined();
  expect(warning([2.3, 2.3])).toBeUndefined(); // too few steps to say
});
