/**
 * npm run bench -- article: measures what is wrong in the article's code, on the small network, and prints the tables
 * of docs/article.md.
 */
import type { Command } from 'commander';
import { epochBatches, gatherPixels, type ImageSet, loadDataset, slice } from '../src/data/index';
import { evaluate } from '../src/evaluate/index';
import { replaceFile } from '../src/files';
import { alexnet, SMALL } from '../src/model/index';
import type { tf } from '../src/tf/index';
import { newTraining, train, trainStep } from '../src/train/index';
import { percent, streamProgress } from '../src/viz/index';
import { articleLoop } from './article-loop';
import { pageWith, table, textOf } from './page';

const SEEDS = [1, 2, 3];
const BATCH = 128;
/** Trainings with a progress bar. */
const RUNS = 5 * SEEDS.length;

/** Adds the option and the action. */
export function configure(program: Command): void {
  program
    .option('--out <file>', 'also write docs/article.md with these tables to a file')
    .action(measure);
}

async function measure({ out }: { out?: string }): Promise<void> {
  const images = loadDataset('train');
  const test = loadDataset('test');
  const show = streamProgress(process.stderr);
  const started = performance.now();
  let done = 0;
  /** A table's row: trains the network for an epoch, once for each seed. */
  const trained = async (
    name: string,
    epoch: (model: tf.LayersModel, seed: number) => { steps: number },
  ) => {
    let steps = 0;
    const accuracies: string[] = [];
    for (const seed of SEEDS) {
      const model = alexnet({ ...SMALL, dropout: 0, seed });
      ({ steps } = epoch(model, seed));
      accuracies.push(percent((await evaluate(model, test)).accuracy));
      model.dispose();
      const seconds = (performance.now() - started) / 1000;
      show({ label: 'Training', done: ++done, total: RUNS, unit: 'runs', seconds });
    }
    return [name, String(steps), ...accuracies];
  };
  const inOrder = epochBatches(images.length, BATCH);
  const shuffled = (seed: number) => epochBatches(images.length, BATCH, { seed, epoch: 1 });

  let losses: number[] = [];
  const everyBatch = await trained('an update for each batch', (model, seed) => {
    const epoch = plainEpoch(model, images, shuffled(seed));
    losses = epoch.losses;
    return epoch;
  });
  const loops = [
    await trained("the article's", (model, seed) => articleLoop(model, images, shuffled(seed))),
    await trained('gradients of four batches summed', (model, seed) =>
      plainEpoch(model, images, shuffled(seed), 4),
    ),
    everyBatch,
  ];
  const sorted = sortedByLabel(images);
  const orders = [
    ['shuffled', ...everyBatch.slice(1)],
    await trained('as in the file', (model) => plainEpoch(model, images, inOrder)),
    await trained('sorted by class', (model) => plainEpoch(model, sorted, inOrder)),
  ];

  const few = slice(images, 0, 1000);
  const memorizing = alexnet({ ...SMALL, dropout: 0 });
  await train(memorizing, few, { epochs: 20, batchSize: 50 });
  const onTraining = await evaluate(memorizing, few);
  const onTest = await evaluate(memorizing, test);
  memorizing.dispose();

  const lossSum = losses.reduce((sum, loss, i) => sum + loss * inOrder[i].length, 0);
  const meanOfImages = lossSum / images.length;
  const meanOfBatches = losses.reduce((sum, loss) => sum + loss) / losses.length;

  const columns = (name: string) => [name, 'updates', ...SEEDS.map((seed) => `seed ${seed}`)];
  const tables = {
    Loop: table(columns('Loop'), loops),
    Order: table(columns('Order, an update for each batch'), orders),
    Accuracy: table(
      ['Accuracy on', 'after 20 epochs with 1,000 images'],
      [
        ['these 1,000 images', percent(onTraining.accuracy)],
        ['the test images', percent(onTest.accuracy)],
      ],
    ),
    Loss: table(
      ['Mean of', "the epoch's loss"],
      [
        ["the batches' means", meanOfBatches.toFixed(5)],
        ['the images', meanOfImages.toFixed(5)],
        ['difference', percent(Math.abs(meanOfBatches / meanOfImages - 1))],
      ],
    ),
  };
  if (out) replaceFile(out, pageWith('article', tables));
  process.stdout.write(textOf(tables));
}

/** One epoch with an update for each batch, or for each group of `accumulationSteps`. Returns the steps' losses. */
function plainEpoch(
  model: tf.LayersModel,
  set: ImageSet,
  batches: Uint32Array[],
  accumulationSteps = 1,
): { steps: number; losses: number[] } {
  const training = newTraining(model, { batchSize: BATCH });
  const losses: number[] = [];
  for (let i = 0; i < batches.length; i += accumulationSteps) {
    const group = batches.slice(i, i + accumulationSteps);
    const { lossSum, images } = trainStep(training, set, group);
    losses.push(lossSum / images);
  }
  training.optimizer.dispose();
  return { steps: losses.length, losses };
}

function sortedByLabel(set: ImageSet): ImageSet {
  const order = Array.from(set.labels.keys()).sort((a, b) => set.labels[a] - set.labels[b]);
  const labels = Uint8Array.from(order, (index) => set.labels[index]);
  return { ...set, pixels: gatherPixels(set, order), labels };
}
