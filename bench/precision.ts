/**
 * npm run bench:precision: compares the test accuracy after training in several precisions. Trains the tutorial's
 * quick profile with the same seeds in each precision, and evaluates on all 10,000 test images.
 */
import { tutorialProfile } from '../notebooks/profile';
import { positiveInteger } from '../src/checks';
import { command, numberOf, printJson, run } from '../src/cli/common';
import { loadDataset, slice } from '../src/data/index';
import { evaluate } from '../src/evaluate/index';
import { writeJson } from '../src/files';
import { alexnet } from '../src/model/index';
import { type Precision, tf } from '../src/tf/index';
import { train } from '../src/train/index';
import { percent } from '../src/viz/index';
import { markdownTable } from './report';

interface Arguments {
  seeds: number;
  precisions: Precision[];
  json?: boolean;
  out?: string;
}

const program = command(
  'bench:precision',
  'Trains the quick profile in several precisions with the same seeds.',
)
  .option('--seeds <n>', 'training runs in each precision', numberOf(positiveInteger), 3)
  .option('--precisions <p...>', 'the precisions to compare', ['float32', 'bfloat16'])
  .option('--out <file>', 'also write the JSON to a file')
  .option('--json', 'print only JSON')
  .action(compare);

async function compare(args: Arguments): Promise<void> {
  const profile = tutorialProfile('quick');
  const images = slice(loadDataset('train'), 0, profile.trainImages!);
  const test = loadDataset('test');
  const results: { precision: Precision; accuracies: number[]; mean: number; deviation: number }[] =
    [];
  for (const precision of args.precisions) {
    const accuracies: number[] = [];
    for (let seed = 1; seed <= args.seeds; seed++) {
      const model = alexnet({ seed, initialisation: profile.initialisation });
      const started = performance.now();
      const { epochs, batchSize, learningRate, schedule } = profile;
      await train(model, images, { epochs, batchSize, learningRate, schedule, precision, seed });
      // In float32 always, so that only the training differs.
      const { accuracy } = await evaluate(model, test);
      model.dispose();
      accuracies.push(accuracy);
      const seconds = ((performance.now() - started) / 1000).toFixed(0);
      process.stderr.write(`  ${precision}, seed ${seed}: ${percent(accuracy)} (${seconds} s)\n`);
    }
    const mean = accuracies.reduce((a, b) => a + b, 0) / accuracies.length;
    const squares = accuracies.reduce((sum, a) => sum + (a - mean) ** 2, 0);
    const deviation = Math.sqrt(squares / Math.max(1, accuracies.length - 1));
    results.push({ precision, accuracies, mean, deviation });
  }
  tf.disposeVariables();
  if (args.out) writeJson(args.out, results);
  if (args.json) return printJson(results);
  console.log(
    markdownTable(
      ['precision', 'mean test accuracy', 'standard deviation', 'each seed'],
      results.map(({ precision, accuracies, mean, deviation }) => [
        precision,
        percent(mean),
        percent(deviation),
        accuracies.map((accuracy) => percent(accuracy)).join(', '),
      ]),
    ),
  );
}

run(program);
