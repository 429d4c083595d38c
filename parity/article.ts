/**
 * npm run bench -- article: measures what is wrong in the article's code, on the small network, and prints the page
 * docs/article.md.
 */
import type { Command } from 'commander';
import { countLabels, epochBatches, type ImageSet, loadDataset, slice } from '../src/data/index';
import { evaluate } from '../src/evaluate/index';
import { replaceFile } from '../src/files';
import { alexnet, SMALL } from '../src/model/index';
import type { tf } from '../src/tf/index';
import { newTraining, train, trainStep } from '../src/train/index';
import { percent, streamProgress } from '../src/viz/index';
import { articleLoop } from './article-loop';

const SEEDS = [1, 2, 3];
const BATCH = 128;
/** Trainings below, for the progress. */
const RUNS = 5 * SEEDS.length + 1;

export function configure(command: Command): void {
  command.option('--out <file>', 'also write the Markdown page to a file').action(measure);
}

const images = loadDataset('train');
const test = loadDataset('test');

async function measure({ out }: { out?: string }): Promise<void> {
  const show = streamProgress(process.stderr);
  const started = performance.now();
  let done = 0;
  const accuracies = async (body: (model: tf.LayersModel, seed: number) => void) => {
    const found: number[] = [];
    for (const seed of SEEDS) {
      const model = alexnet({ ...SMALL, dropout: 0, seed });
      body(model, seed);
      found.push((await evaluate(model, test)).accuracy);
      model.dispose();
      const seconds = (performance.now() - started) / 1000;
      show({ label: 'Training', done: ++done, total: RUNS, unit: 'runs', seconds });
    }
    return found;
  };
  const inOrder = epochBatches(images.length, BATCH);
  const shuffled = (seed: number) => epochBatches(images.length, BATCH, { seed, epoch: 1 });

  let article = { steps: 0, discarded: 0 };
  const articleAccuracies = await accuracies((model, seed) => {
    article = articleLoop(model, images, shuffled(seed));
  });
  const accumulated = await accuracies((model, seed) =>
    plainEpoch(model, images, shuffled(seed), 4),
  );
  let losses: number[] = [];
  const everyBatch = await accuracies((model, seed) => {
    losses = plainEpoch(model, images, shuffled(seed));
  });
  const unshuffled = await accuracies((model) => plainEpoch(model, images, inOrder));
  const sorted = sortedByLabel(images);
  const sortedAccuracies = await accuracies((model) => plainEpoch(model, sorted, inOrder));

  const few = slice(images, 0, 1000);
  const memorising = alexnet({ ...SMALL, dropout: 0 });
  await train(memorising, few, { epochs: 20, batchSize: 50 });
  const onTraining = await evaluate(memorising, few);
  const onTest = await evaluate(memorising, test);
  memorising.dispose();

  const last = images.length % BATCH;
  const meanOfBatches = losses.reduce((sum, loss) => sum + loss) / losses.length;
  const sum = losses.reduce(
    (all, loss, i) => all + loss * (i < losses.length - 1 ? BATCH : last),
    0,
  );
  const meanOfImages = sum / images.length;

  const row = (name: string, steps: number, found: number[]) =>
    `| ${name} | ${steps} | ${found.map((accuracy) => percent(accuracy)).join(' | ')} |`;
  const head = (name: string) =>
    `| ${name} | updates | ${SEEDS.map((seed) => `seed ${seed}`).join(' | ')} |\n|---|---|---|---|---|`;
  const batches = inOrder.length;
  const page = `# What the bugs in the article's code cost

Once \`device\` is defined, the article's code trains a network, but not the way its author thinks. Notebook 3 shows the
first bug live. This page measures the four that cost accuracy or distort the numbers that the code prints. It uses the
notebooks' small network, so it takes only minutes: one epoch over ${images.length.toLocaleString('en-US')} images in batches of ${BATCH}, with learning rate
0.001 and no dropout, unless stated otherwise. Accuracies are on the 10,000 test images. To regenerate this page, run:

\`\`\`
npm run bench -- article --out docs/article.md
\`\`\`

## 1. Three out of every four gradients are thrown away

\`optimizer.zero_grad()\` runs in every iteration, \`scaler.step(optimizer)\` only in every fourth: of ${batches} gradients in
an epoch, ${article.discarded} are computed and thrown away. Accumulation, which the variable \`accumulation_steps\` promises, would sum
all four. The comments in the code say that it is not in use, but then every iteration would have to end with an
update.

${head('Loop')}
${row("the article's", article.steps, articleAccuracies)}
${row('gradients of four batches summed', Math.ceil(batches / 4), accumulated)}
${row('an update for each batch', batches, everyBatch)}

The fix: clear the gradients right after the update, nowhere else.

## 2. The images are never shuffled

\`DataLoader\` does not shuffle unless told to, so every epoch has the same batches in the same order. MNIST's files happen
to be mixed already, so here this costs only one or two percentage points. With a file that is sorted by class, as many
are, the network forgets each digit while it sees the next one.

${head('Order, an update for each batch')}
${row('shuffled', batches, everyBatch)}
${row('as in the file', batches, unshuffled)}
${row('sorted by class', batches, sortedAccuracies)}

${percent(countLabels(test)[9] / test.length)} of the test images are 9s: after ${Math.floor(countLabels(images)[9] / BATCH)} steps that saw nothing else, the network answers 9 to everything.

The fix: \`shuffle=True\`.

## 3. Accuracy is measured on training images

\`testloader\` is created but never used. The accuracy that the article prints, and its six predictions, are for images that
the network was trained on. They say little: trained on 1,000 images for 20 epochs, the small network reads
**${percent(onTraining.accuracy)}** of those and **${percent(onTest.accuracy)}** of the test images.

The fix: measure on \`testset\`, after \`model.eval()\`.

## 4. The epoch's loss gives some images more weight

\`running_loss / len(trainloader)\` is the mean of the batches' means. The last batch has ${last} images, not ${BATCH}, but
counts as much as the others. Here it gives ${meanOfBatches.toFixed(5)} instead of ${meanOfImages.toFixed(5)}, a difference of ${percent(Math.abs(meanOfBatches / meanOfImages - 1))}. With large batches and few
images the error is larger: a last batch of one image would count as much as ${BATCH}.

The fix: add up \`loss.item() * labels.size(0)\`, and divide by the number of images.

## Where text and code differ

- The text says that each convolution is followed by pooling. In the code, three of the five are.
- The text says that the output is a softmax over 1,000 classes. In the code it is ten logits; the softmax is in the
  loss.
- The text says that the optimizer is Adam. In the code it is AdamW.
- The network is not that of 2012, which had 96-256-384-384-256 filters in two groups and local response normalisation,
  but torchvision's later variant, with one channel and ten classes.

## Smaller bugs

- \`device\` is used but never defined.
- The curves are drawn for five epochs, whatever \`epochs\` is.
- \`torch.load\` has no \`map_location\`: weights from a GPU do not load on a computer without one.
`;
  if (out) replaceFile(out, page);
  process.stdout.write(page);
}

/** One epoch with an update for each batch, or for each group of `accumulationSteps`. Returns the steps' losses. */
function plainEpoch(
  model: tf.LayersModel,
  set: ImageSet,
  batches: Uint32Array[],
  accumulationSteps = 1,
): number[] {
  const training = newTraining(model, { batchSize: BATCH });
  const losses: number[] = [];
  for (let i = 0; i < batches.length; i += accumulationSteps) {
    const { lossSum, images: count } = trainStep(
      training,
      set,
      batches.slice(i, i + accumulationSteps),
    );
    losses.push(lossSum / count);
  }
  training.optimizer.dispose();
  return losses;
}

function sortedByLabel(set: ImageSet): ImageSet {
  const size = set.height * set.width;
  const order = Array.from(set.labels.keys()).sort((a, b) => set.labels[a] - set.labels[b]);
  const pixels = new Uint8Array(set.pixels.length);
  for (const [to, from] of order.entries()) {
    pixels.set(set.pixels.subarray(from * size, (from + 1) * size), to * size);
  }
  return { ...set, pixels, labels: Uint8Array.from(order, (index) => set.labels[index]) };
}
