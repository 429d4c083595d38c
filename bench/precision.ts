/**
 * npm run bench -- precision: compares the test accuracy after training in several precisions. Trains the tutorial's
 * quick profile with the same seeds in each.
 */
import { type Command, Option } from 'commander';
import { tutorialProfile } from '../notebooks/profile';
import { positiveInteger } from '../src/checks';
import { numberOf } from '../src/cli/common';
import { loadDataset, slice } from '../src/data/index';
import { evaluate } from '../src/evaluate/index';
import { alexnet } from '../src/model/index';
import { PRECISIONS, type Precision } from '../src/tf/index';
import { train } from '../src/train/index';
import { percent } from '../src/viz/index';
import { markdownTable, reports, say } from './report';

interface Arguments {
  seeds: number;
  precisions: Precision[];
  trainImages: number;
  testImages: number;
}

const PROFILE = tutorialProfile('quick');

export function configure(command: Command): void {
  const count = numberOf(positiveInteger);
  command
    .option('--seeds <n>', 'training runs in each precision', count, 3)
    .addOption(
      new Option('--precisions <p...>', 'the precisions to compare')
        .choices(PRECISIONS)
        .default(['float32', 'bfloat16']),
    )
    .option('--train-images <n>', 'images to train on', count, PROFILE.trainImages!)
    .option('--test-images <n>', 'images to evaluate on', count, 10_000);
  reports(command, compare);
}

async function compare({ seeds, precisions, trainImages, testImages }: Arguments) {
  const images = slice(loadDataset('train'), 0, trainImages);
  const test = slice(loadDataset('test'), 0, testImages);
  const results = [];
  for (const precision of precisions) {
    const accuracies: number[] = [];
    for (let seed = 1; seed <= seeds; seed++) {
      const { epochs, batchSize, learningRate, schedule, initialisation } = PROFILE;
      const model = alexnet({ seed, initialisation });
      const started = performance.now();
      await train(model, images, { epochs, batchSize, learningRate, schedule, precision, seed });
      // In float32 always, so that only the training differs.
      const { accuracy } = await evaluate(model, test);
      model.dispose();
      accuracies.push(accuracy);
      const seconds = ((performance.now() - started) / 1000).toFixed(0);
      say(`  ${precision}, seed ${seed}: ${percent(accuracy)} (${seconds} s)`);
    }
    const mean = accuracies.reduce((a, b) => a + b, 0) / seeds;
    const squares = accuracies.reduce((sum, a) => sum + (a - mean) ** 2, 0);
    const deviation = Math.sqrt(squares / Math.max(1, seeds - 1));
    results.push({ precision, accuracies, mean, deviation });
  }
  const text = markdownTable(
    ['precision', 'mean test accuracy', 'standard deviation', 'each seed'],
    results.map(({ precision, accuracies, mean, deviation }) => [
      ...[precision, percent(mean), percent(deviation)],
      accuracies.map((accuracy) => percent(accuracy)).join(', '),
    ]),
  );
  return { json: { trainImages, testImages, results }, text };
}
