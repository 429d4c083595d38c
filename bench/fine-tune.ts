/**
 * npm run bench:fine-tune: what a network that has learned other classes is worth. The small network learns the digits
 * 0 to 4, then 5 to 9 from a few images of each: from scratch, fine-tuned, and with frozen features.
 */
import { countLabels, gatherPixels, type ImageSet, loadDataset } from '../src/data/index';
import { evaluate } from '../src/evaluate/index';
import { featuresOf, splitAtClassifier, withClasses } from '../src/fine-tune/index';
import { alexnet, SMALL } from '../src/model/index';
import { tf } from '../src/tf/index';
import { stepProgress, type TrainSettings, train } from '../src/train/index';
import { percent, plainTable, streamProgress } from '../src/viz/index';

const SEEDS = [1, 2, 3];
const SOURCE = ['0', '1', '2', '3', '4'];
const TARGET = ['5', '6', '7', '8', '9'];
/** Images of each class, and epochs. */
const RUNS = [
  [5, 60],
  [20, 40],
  [100, 20],
];

async function main(): Promise<void> {
  const show = streamProgress(process.stderr);
  const learn = (model: tf.LayersModel, set: ImageSet, settings: Partial<TrainSettings>) =>
    train(model, set, {
      ...{ learningRate: 1e-3, schedule: 'cosine', ...settings },
      onStep: (training) => show(stepProgress(training)),
    });
  const base = alexnet({ ...SMALL, classes: SOURCE.length });
  await learn(base, only(loadDataset('train'), SOURCE), { epochs: 2, batchSize: 64 });
  const learned = base.getWeights().map((weight) => weight.clone());
  const test = only(loadDataset('test'), TARGET);
  const all = only(loadDataset('train'), TARGET);
  const rows = [['Images of each', 'Seed', 'From scratch', 'Fine-tuned', 'Features frozen']];
  for (const [count, epochs] of RUNS) {
    for (const seed of SEEDS) {
      const few = only(all, TARGET, count * seed, count * (seed + 1));
      const settings = { epochs, batchSize: Math.min(32, few.length), seed };
      const cells: string[] = [];
      for (const how of ['scratch', 'all', 'frozen']) {
        let model = alexnet({ ...SMALL, classes: SOURCE.length, seed });
        if (how !== 'scratch') model.setWeights(learned);
        model = withClasses(model, TARGET, { seed });
        const halves = how === 'frozen' ? splitAtClassifier(model) : undefined;
        if (halves) {
          await learn(halves.classifier, await featuresOf(halves.features, model, few), settings);
          halves.classifier.dispose();
        } else {
          await learn(model, few, settings);
        }
        cells.push(percent((await evaluate(model, test)).accuracy));
        model.dispose();
      }
      rows.push([String(count), String(seed), ...cells]);
    }
  }
  tf.dispose(learned);
  console.log(`Tested on ${test.length} images of ${countLabels(test).length} classes`);
  console.log(plainTable(rows));
}

/** The images of these classes: of each class from number `start` to `end`. */
function only(set: ImageSet, names: string[], start = 0, end = Number.POSITIVE_INFINITY): ImageSet {
  const seen = names.map(() => 0);
  const label = (i: number) => names.indexOf(set.classNames[set.labels[i]]);
  const indices = [...set.labels.keys()].filter((i) => {
    const which = label(i);
    const number = which < 0 ? -1 : seen[which]++;
    return number >= start && number < end;
  });
  return {
    ...set,
    pixels: gatherPixels(set, indices),
    labels: Uint8Array.from(indices, label),
    length: indices.length,
    classNames: names,
  };
}

main();
