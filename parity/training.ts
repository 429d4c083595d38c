import { tf } from '../src/tf/index';
import { AdamW, newTraining, PlainAdamW, trainStep } from '../src/train/index';
import { largestDifference } from './fingerprint';
import adamw from './golden/adamw.json';
import type { Golden } from './read-golden';
import { batchesInOrder, OPTIONS, withReducedNetwork } from './reduced';
import { row, type Section } from './sections';

/** The optimizers alone, and the loss in each step of a training run. */
export function trainingSection({ curve }: Golden): Section {
  const { batchSize, widths, losses, rounding } = curve;
  const [first, last] = [losses[0], losses[losses.length - 1]].map((loss) => loss.toFixed(2));
  return {
    title: 'Training',
    text:
      `The optimizers on eight weights; and the loss in ${losses.length} steps of ${batchSize} images at widths ` +
      `${widths.join(', ')}, from the same weights, learning rate 0.001, weight decay 0.01, dropout off, each ` +
      'side resizing the images itself.',
    rows: [
      row('AdamW, 100 steps, four settings', optimizerDifference(AdamW), 1e-6),
      row('PlainAdamW, 100 steps, four settings', optimizerDifference(PlainAdamW), 1e-6),
      row(
        `Loss curve, from ${first} to ${last}`,
        largestDifference(lossCurve(curve), losses),
        1e-3,
        rounding,
      ),
    ],
  };
}

/** The largest difference from the weights that parity/reference/adamw.py recorded, over all settings. */
function optimizerDifference(Optimizer: typeof AdamW | typeof PlainAdamW): number {
  let largest = 0;
  for (const { options, checkpoints } of adamw.cases) {
    const weights = tf.tidy(() => tf.variable(tf.tensor1d(adamw.start)));
    const optimizer = new Optimizer(options);
    for (let step = 1; step <= 100; step++) {
      const gradient = tf.tensor1d(
        adamw.start.map((_, i) => Math.sin(0.7 * i + 0.13 * step) * 10 ** ((i % 5) - 3)),
      );
      optimizer.step([weights], { [weights.name]: gradient });
      gradient.dispose();
      const want = (checkpoints as Record<string, number[]>)[step];
      if (want) largest = Math.max(largest, largestDifference(weights.dataSync(), want));
    }
    optimizer.dispose();
    weights.dispose();
  }
  return largest;
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
