import type { ImageSet } from '../src/data/index';
import { tf } from '../src/tf/index';
import { AdamW, newTraining, trainStep } from '../src/train/index';
import { articleLoop } from './article-loop';
import { fingerprint, largestDifference, relative } from './fingerprint';
import { type Parameter, parametersOf, torchOrder, valuesOf } from './parameters';
import type { Golden } from './read-golden';
import { batchesInOrder, OPTIONS, withReducedNetwork } from './reduced';
import { row, type Section } from './sections';

/** Gradients accumulated over small batches, large batches, and the article's loop. */
export function accumulationSection({ accumulation }: Golden): Section {
  const { steps, accumulationSteps, batchSize, right, large, article } = accumulation;
  const iterations = steps * accumulationSteps;
  const batches = batchesInOrder(iterations, batchSize);
  const groupsOf = <T>(items: T[]) =>
    Array.from({ length: steps }, (_, i) =>
      items.slice(i * accumulationSteps, (i + 1) * accumulationSteps),
    );
  const groups = groupsOf(batches);
  const oursSmall = withReducedNetwork(accumulation, (model, set) => trained(model, set, groups));
  const oursLarge = withReducedNetwork(accumulation, (model, set) =>
    trained(
      model,
      set,
      groups.map((group) => [group.flat()]),
    ),
  );
  const oursArticle = withReducedNetwork(accumulation, (model, set) => {
    const result = articleLoop(model, set, batches, { accumulationSteps, ...OPTIONS });
    return { ...result, weights: flat(model, ({ variable }) => variable) };
  });
  // PyTorch reports a loss for each batch; our step reports the mean of its batches.
  const meanLosses = groupsOf(right.losses).map(
    (group) => group.reduce((a, b) => a + b) / accumulationSteps,
  );

  const small = `${accumulationSteps} × ${batchSize}`;
  const whole = `1 × ${accumulationSteps * batchSize}`;
  const gradients = [oursSmall, oursLarge].map(({ gradient }) => fingerprint(gradient));
  const weights = [oursSmall, oursLarge, oursArticle].map((ours) => fingerprint(ours.weights));
  return {
    title: 'Accumulation',
    text:
      `${steps} steps of a reduced network, with gradients accumulated over ${small} images, with large batches of ` +
      `${whole}, and with the article's loop, which clears its gradients in every iteration and uses every fourth.`,
    rows: [
      row(
        `Gradient, ours ${small} from ours ${whole}, of the largest`,
        largestDifference(oursSmall.gradient, oursLarge.gradient) / gradients[0].max,
        1e-5,
      ),
      row(
        `Gradient, ours ${small} from PyTorch's ${small}, relative`,
        relative(gradients[0], right.gradient),
        1e-4,
        right.gradient.rounding,
      ),
      row(
        `Gradient, ours ${whole} from PyTorch's ${whole}, relative`,
        relative(gradients[1], large.gradient),
        1e-4,
        large.gradient.rounding,
      ),
      row(
        `Losses, ours ${small} from PyTorch's ${small}`,
        largestDifference(oursSmall.losses, meanLosses),
        1e-3,
      ),
      row(
        `Weights after ${steps} steps, ours ${small} from ours ${whole}, relative`,
        relative(weights[0], weights[1]),
        1e-4,
      ),
      row(
        `Weights after ${steps} steps, ours ${small} from PyTorch's ${small}, relative`,
        relative(weights[0], right.weights),
        1e-4,
        right.weights.rounding,
      ),
      row(
        "The article's loop: losses from PyTorch's",
        largestDifference(oursArticle.losses, article.losses),
        1e-3,
      ),
      row(
        `The article's loop: weights after ${iterations} iterations from PyTorch's, relative`,
        relative(weights[2], article.weights),
        1e-4,
        article.weights.rounding,
      ),
      row(
        `The article's loop: gradients thrown away, ${oursArticle.discarded} of ${iterations} here and ${article.discarded} in PyTorch`,
        Math.abs(oursArticle.discarded - article.discarded),
        0,
      ),
    ],
  };
}

/** One `trainStep` for each group of batches. Returns the losses, the first gradient and the final weights. */
function trained(model: tf.LayersModel, set: ImageSet, groups: number[][][]) {
  const optimizer = new RecordingAdamW(OPTIONS);
  const training = { ...newTraining(model), optimizer };
  const losses = groups.map((batches) => {
    const { lossSum, images } = trainStep(training, set, batches);
    return lossSum / images;
  });
  const gradient = flat(model, ({ variable }) => optimizer.gradients[variable.name]);
  optimizer.dispose();
  return { losses, gradient, weights: flat(model, ({ variable }) => variable) };
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

/** A tensor of each parameter in one list, in PyTorch's order. */
function flat(model: tf.LayersModel, choose: (parameter: Parameter) => tf.Tensor): Float32Array {
  return valuesOf(() =>
    tf.concat(
      parametersOf(model).map((parameter) => torchOrder(parameter, choose(parameter)).flatten()),
    ),
  );
}
