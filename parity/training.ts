import { tf } from '../src/tf/index';
import { AdamW, newTraining, PlainAdamW, trainStep } from '../src/train/index';
import { largestDifference } from './fingerprint';
import type { Golden } from './read-golden';
import { batchesInOrder, OPTIONS, withReducedNetwork } from './reduced';
import { row, type Section } from './sections';

/** The optimizers alone, and the loss in each step of a training run. */
export function trainingSection({ curve, optimizer }: Golden): Section {
  const { losses, rounding } = curve;
  const ours = lossCurve(curve);
  const what = `Loss curve, from ${losses[0].toFixed(2)} to ${losses.at(-1)?.toFixed(2)}`;
  return {
    title: 'Training',
    rows: [
      row('AdamW, 100 steps, four settings', optimizerDifference(AdamW, optimizer), 1e-6),
      row('PlainAdamW, 100 steps, four settings', optimizerDifference(PlainAdamW, optimizer), 1e-6),
      row(what, largestDifference(ours, losses), 1e-3, rounding),
    ],
  };
}

/** The largest difference from PyTorch's weights, over all settings. */
function optimizerDifference(
  Optimizer: typeof AdamW | typeof PlainAdamW,
  { start, cases }: Golden['optimizer'],
): number {
  const differences = cases.flatMap(({ options, checkpoints }) => {
    const weights = tf.tidy(() => tf.variable(tf.tensor1d(start)));
    const optimizer = new Optimizer(options);
    const found = Array.from({ length: 100 }, (_, i) => {
      const step = i + 1;
      const gradient = tf.tensor1d(
        start.map((_, i) => Math.sin(0.7 * i + 0.13 * step) * 10 ** ((i % 5) - 3)),
      );
      optimizer.step([weights], { [weights.name]: gradient });
      gradient.dispose();
      const want = checkpoints[step];
      return want ? largestDifference(weights.dataSync(), want) : 0;
    });
    optimizer.dispose();
    weights.dispose();
    return found;
  });
  return Math.max(...differences);
}

/** The loss before each step. */
function lossCurve(curve: Golden['curve']): number[] {
  return withReducedNetwork(curve, (model, set) => {
    const training = newTraining(model, OPTIONS);
    const losses = batchesInOrder(curve.losses.length, curve.batchSize).map((batch) => {
      const { lossSum, images } = trainStep(training, set, [batch]);
      return lossSum / images;
    });
    training.optimizer.dispose();
    return losses;
  });
}
