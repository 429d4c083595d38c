import type { ImageSet } from '../src/data/index';
import { tf } from '../src/tf/index';
import { AdamW, newTraining, trainStep } from '../src/train/index';
import { articleLoop } from './article-loop';
import { fingerprint, largestDifference, relative } from './fingerprint';
import { allTorchValues, parametersOf } from './parameters';
import type { Golden } from './read-golden';
import { batchesInOrder, OPTIONS, withReducedNetwork } from './reduced';
import { row, type Section, tensorRow } from './sections';

/** Gradients accumulated over small batches, large batches, and the article's loop. */
export function accumulationSection({ accumulation }: Golden): Section {
  const { steps, accumulationSteps, batchSize, right, large, article } = accumulation;
  const iterations = steps * accumulationSteps;
  const batches = batchesInOrder(iterations, batchSize);
  const largeBatches = batchesInOrder(steps, accumulationSteps * batchSize);
  const oursSmall = withReducedNetwork(accumulation, (model, set) =>
    trained(model, set, groupsOf(accumulationSteps, batches)),
  );
  const oursLarge = withReducedNetwork(accumulation, (model, set) =>
    trained(model, set, groupsOf(1, largeBatches)),
  );
  const oursArticle = withReducedNetwork(accumulation, (model, set) => {
    const result = articleLoop(model, set, batches, { accumulationSteps, ...OPTIONS });
    return { ...result, weights: weightsOf(model) };
  });
  // PyTorch reports a loss for each batch; our step reports the mean of its batches.
  const meanLosses = groupsOf(accumulationSteps, right.losses).map(
    (group) => group.reduce((a, b) => a + b) / accumulationSteps,
  );
  const gradientError =
    largestDifference(oursSmall.gradient, oursLarge.gradient) / fingerprint(oursSmall.gradient).max;
  const weightError = relative(fingerprint(oursSmall.weights), fingerprint(oursLarge.weights));

  const small = `${accumulationSteps} × ${batchSize}`;
  const whole = `1 × ${accumulationSteps * batchSize}`;
  const fromTorch = (size: string) => `ours ${size} from PyTorch's ${size}`;
  const after = `Weights after ${steps} steps`;
  return {
    title: 'Accumulation',
    rows: [
      row(`Gradient, ours ${small} from ours ${whole}, of the largest`, gradientError, 1e-5),
      tensorRow(`Gradient, ${fromTorch(small)}, relative`, oursSmall.gradient, right.gradient),
      tensorRow(`Gradient, ${fromTorch(whole)}, relative`, oursLarge.gradient, large.gradient),
      row(`Losses, ${fromTorch(small)}`, largestDifference(oursSmall.losses, meanLosses), 1e-3),
      row(`${after}, ours ${small} from ours ${whole}, relative`, weightError, 1e-4),
      tensorRow(`${after}, ${fromTorch(small)}, relative`, oursSmall.weights, right.weights),
      row(
        "The article's loop: losses from PyTorch's",
        largestDifference(oursArticle.losses, article.losses),
        1e-3,
      ),
      tensorRow(
        `The article's loop: weights after ${iterations} iterations from PyTorch's, relative`,
        oursArticle.weights,
        article.weights,
      ),
      row(
        `The article's loop: gradients thrown away, ${oursArticle.discarded} of ${iterations} here and ${article.discarded} in PyTorch`,
        Math.abs(oursArticle.discarded - article.discarded),
        0,
      ),
    ],
  };
}

function groupsOf<T>(size: number, items: T[]): T[][] {
  return items.flatMap((_, i) => (i % size === 0 ? [items.slice(i, i + size)] : []));
}

/** One `trainStep` for each group of batches. Returns the losses, the first gradient and the final weights. */
function trained(model: tf.LayersModel, set: ImageSet, groups: number[][][]) {
  const optimizer = new RecordingAdamW(OPTIONS);
  const training = { ...newTraining(model), optimizer };
  const losses = groups.map((batches) => {
    const { lossSum, images } = trainStep(training, set, batches);
    return lossSum / images;
  });
  const gradient = allTorchValues(parametersOf(model), ({ name }) => optimizer.gradients[name]);
  optimizer.dispose();
  return { losses, gradient, weights: weightsOf(model) };
}

function weightsOf(model: tf.LayersModel): Float32Array {
  return allTorchValues(parametersOf(model), (variable) => variable);
}

/** An AdamW that keeps the gradients of its first step. */
class RecordingAdamW extends AdamW {
  readonly gradients: tf.NamedTensorMap = {};

  override stepVariable(variable: tf.Variable, gradient: tf.Tensor): void {
    this.gradients[variable.name] ??= tf.keep(gradient.clone());
    super.stepVariable(variable, gradient);
  }

  override dispose(): void {
    tf.dispose(this.gradients);
    super.dispose();
  }
}
