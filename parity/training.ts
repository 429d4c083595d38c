import { articleLoop } from '../notebooks/article-loop';
import { type ImageSet, loadDataset } from '../src/data/index';
import { alexnet } from '../src/model/index';
import { tf } from '../src/tf/index';
import { AdamW, newTraining, trainStep } from '../src/train/index';
import { digest, type Golden, largestDifference, relative } from './golden';
import adamw from './golden/adamw.json';
import { layersOfWidths, parametersOf, setSeedWeights, torchValues } from './parameters';
import type { Row, Section } from './sections';

/** The optimizer alone, and a training whose loss is compared at every step. */
export function trainingSection(golden: Golden): Section {
  const { batchSize, widths, losses, rounding } = golden.curve;
  const ours = lossCurve(golden);
  const [first, last] = [losses[0], losses[losses.length - 1]].map((loss) => loss.toFixed(2));
  return {
    title: 'Training',
    text:
      `The loss in ${losses.length} steps of ${batchSize} images at widths ${widths.join(', ')}, from the same ` +
      'weights, learning rate 0.001, weight decay 0.01, dropout off, each side resizing the images itself.',
    rows: [
      { what: 'AdamW, 100 steps, four settings', measured: adamWDifference(), limit: 1e-6 },
      {
        what: `Loss curve, from ${first} to ${last}`,
        measured: largestDifference(ours, losses),
        limit: 1e-3,
        rounding,
      },
    ],
  };
}

/** The loss before each of our steps. */
function lossCurve({ curve }: Golden): number[] {
  const { batchSize, inputSize, widths, losses } = curve;
  const model = alexnet({ inputSize, layers: layersOfWidths(widths), dropout: 0 });
  setSeedWeights(model);
  const training = newTraining(model, { learningRate: 1e-3, weightDecay: 0.01 });
  const set = loadDataset('train');
  const ours = losses.map((_, step) => {
    const { lossSum, images } = trainStep(training, set, [range(step, batchSize)]);
    return lossSum / images;
  });
  training.optimizer.dispose();
  model.dispose();
  return ours;
}

/** Eight weights, 100 steps: the largest difference from PyTorch's at any checkpoint. */
function adamWDifference(): number {
  let largest = 0;
  for (const { options, checkpoints } of adamw.cases) {
    const weights = tf.tidy(() => tf.variable(tf.tensor1d(adamw.start)));
    const optimizer = new AdamW(options);
    for (let step = 1; step <= 100; step++) {
      const gradient = tf.tensor1d(
        // As parity/reference/adamw.py has it.
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

/** Four batches of 8 beside one of 32, and the article's loop beside both. */
export function accumulationSection(golden: Golden): Section {
  const { updates, accumulationSteps, batchSize, right, large, article } = golden.accumulation;
  const iterations = updates * accumulationSteps;
  const ours = withModel(golden, (model, set) =>
    updateWeights(model, set, updates, (update) =>
      Array.from({ length: accumulationSteps }, (_, i) =>
        range(update * accumulationSteps + i, batchSize),
      ),
    ),
  );
  const oursLarge = withModel(golden, (model, set) =>
    updateWeights(model, set, updates, (update) => [range(update, accumulationSteps * batchSize)]),
  );
  const oursArticle = withModel(golden, (model, set) => {
    const batches = Array.from({ length: iterations }, (_, i) => range(i, batchSize));
    const done = articleLoop(model, set, batches, { accumulationSteps });
    return { ...done, weights: flat(model, ({ variable }) => variable) };
  });
  // PyTorch has a loss for each batch, our step one for all of its group.
  const groupLosses = ours.losses.map((_, update) => {
    const group = right.losses.slice(update * accumulationSteps, (update + 1) * accumulationSteps);
    return group.reduce((a, b) => a + b) / accumulationSteps;
  });
  const name = `${accumulationSteps} × ${batchSize}`;
  const largeName = `1 × ${accumulationSteps * batchSize}`;
  const rows: Row[] = [
    {
      what: `Gradient, ours ${name} from ours ${largeName}, of the largest`,
      measured: largestDifference(ours.gradient, oursLarge.gradient) / digest(ours.gradient).max,
      limit: 1e-5,
    },
    {
      what: `Gradient, ours ${name} from PyTorch's ${name}, relative`,
      measured: relative(digest(ours.gradient), right.gradient),
      limit: 1e-4,
      rounding: right.gradient.rounding,
    },
    {
      what: `Gradient, ours ${largeName} from PyTorch's ${largeName}, relative`,
      measured: relative(digest(oursLarge.gradient), large.gradient),
      limit: 1e-4,
      rounding: large.gradient.rounding,
    },
    {
      what: `Losses, ours ${name} from PyTorch's ${name}`,
      measured: largestDifference(ours.losses, groupLosses),
      limit: 1e-3,
    },
    {
      what: `Weights after ${updates} updates, ours ${name} from ours ${largeName}, relative`,
      measured: relative(digest(ours.weights), digest(oursLarge.weights)),
      limit: 1e-4,
    },
    {
      what: `Weights after ${updates} updates, ours ${name} from PyTorch's ${name}, relative`,
      measured: relative(digest(ours.weights), right.weights),
      limit: 1e-4,
      rounding: right.weights.rounding,
    },
    {
      what: "The article's loop: losses from PyTorch's",
      measured: largestDifference(oursArticle.losses, article.losses),
      limit: 1e-3,
    },
    {
      what: `The article's loop: weights after ${iterations} iterations from PyTorch's, relative`,
      measured: relative(digest(oursArticle.weights), article.weights),
      limit: 1e-4,
      rounding: article.weights.rounding,
    },
    {
      what: `The article's loop: gradients thrown away, ${oursArticle.discarded} of ${iterations} here and ${article.discarded} in PyTorch`,
      measured: Math.abs(oursArticle.discarded - article.discarded),
      limit: 0,
    },
  ];
  return {
    title: 'Accumulation',
    text:
      `${updates} updates of a reduced network, each from ${name} images, from one batch of all of them, and by ` +
      "the article's loop, which empties its gradients in every iteration and uses every fourth.",
    rows,
  };
}

interface Trained {
  losses: number[];
  /** All parameters one after the other, in PyTorch's order. */
  weights: Float32Array;
}

/** Our way: `trainStep` sums the gradients of a group. */
function updateWeights(
  model: tf.LayersModel,
  set: ImageSet,
  updates: number,
  group: (update: number) => number[][],
): Trained & { gradient: Float32Array } {
  const optimizer = new Observed({ learningRate: 1e-3, weightDecay: 0.01 });
  const training = { ...newTraining(model), optimizer };
  let gradient: Float32Array | undefined;
  const losses: number[] = [];
  for (let update = 0; update < updates; update++) {
    const { lossSum, images } = trainStep(training, set, group(update));
    losses.push(lossSum / images);
    gradient ??= flat(model, ({ variable }) => optimizer.gradients[variable.name]);
    optimizer.forget();
  }
  optimizer.dispose();
  return { losses, weights: flat(model, ({ variable }) => variable), gradient: gradient! };
}

/** An AdamW that keeps the gradients that it was given. */
class Observed extends AdamW {
  gradients: tf.NamedTensorMap = {};

  override stepVariable(variable: tf.Variable, gradient: tf.Tensor): void {
    this.gradients[variable.name] = tf.keep(gradient.clone());
    super.stepVariable(variable, gradient);
  }

  forget(): void {
    tf.dispose(this.gradients);
    this.gradients = {};
  }
}

function withModel<T>(
  { accumulation: { inputSize, widths } }: Golden,
  body: (model: tf.LayersModel, set: ImageSet) => T,
): T {
  const model = alexnet({ inputSize, layers: layersOfWidths(widths), dropout: 0 });
  setSeedWeights(model);
  const result = body(model, loadDataset('train'));
  model.dispose();
  return result;
}

/** A tensor of each parameter, one after the other in PyTorch's order. */
function flat(
  model: tf.LayersModel,
  choose: (parameter: ReturnType<typeof parametersOf>[number]) => tf.Tensor,
): Float32Array {
  const parts = parametersOf(model).map((parameter) => torchValues(parameter, choose(parameter)));
  const all = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let offset = 0;
  for (const part of parts) {
    all.set(part, offset);
    offset += part.length;
  }
  return all;
}

/** The images of batch number `index`, in their order. */
function range(index: number, size: number): number[] {
  return Array.from({ length: size }, (_, i) => index * size + i);
}
