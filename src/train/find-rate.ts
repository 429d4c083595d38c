import { epochBatches, type ImageSet } from '../data/index';
import { turnEventLoop } from '../interrupt';
import { countingLayers, namedWeights } from '../model/index';
import { tf } from '../tf/index';
import { trainStep } from './step';
import { newTraining } from './training';

export interface RateOptions {
  /** The first and the last rate. */
  from?: number;
  to?: number;
  steps?: number;
  batchSize?: number;
}

export interface RateSearch {
  rates: number[];
  /** The loss at each rate, smoothed. */
  losses: number[];
  /** A tenth of the rate at which the loss is smallest: there it is about to grow again. */
  suggestion: number;
}

/**
 * Learning-rate finder: trains with a rate that grows from step to step, until the loss grows to four times its minimum.
 * Afterwards the model has its weights back. Smith: Cyclical Learning Rates for Training Neural Networks, 2017.
 */
export async function findLearningRate(
  model: tf.LayersModel,
  set: ImageSet,
  { from = 1e-6, to = 1, steps = 60, batchSize = 64 }: RateOptions = {},
): Promise<RateSearch> {
  const variables = namedWeights(model).map(({ variable }) => variable);
  const weights = variables.map((variable) => variable.clone());
  const calls = countingLayers(model).map((layer) => layer.calls);
  const training = newTraining(model, { batchSize });
  const batches = epochBatches(set.length, batchSize, { seed: 42, epoch: 1 });
  const [rates, losses]: number[][] = [[], []];
  let average = 0;
  try {
    for (let step = 1; step <= steps; step++) {
      const rate = from * (to / from) ** ((step - 1) / Math.max(1, steps - 1));
      training.optimizer.learningRate = rate;
      const { lossSum, images } = trainStep(training, set, [batches[step % batches.length]]);
      average = 0.8 * average + (0.2 * lossSum) / images;
      const loss = average / (1 - 0.8 ** step); // corrected for its start at 0
      if (!(loss <= 4 * Math.min(loss, ...losses))) break;
      rates.push(rate);
      losses.push(loss);
      await turnEventLoop();
    }
  } finally {
    variables.forEach((variable, i) => {
      variable.assign(weights[i]);
    });
    countingLayers(model).forEach((layer, i) => {
      layer.calls = calls[i];
    });
    training.optimizer.dispose();
    tf.dispose(weights);
  }
  return { rates, losses, suggestion: rates[losses.indexOf(Math.min(...losses))] / 10 };
}
