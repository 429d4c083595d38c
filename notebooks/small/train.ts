/** `npm run bench -- small`: trains the small network that notebook 0 loads, and saves it beside this file in 8 bits. */
import path from 'node:path';
import type { Command } from 'commander';
import { loadDataset, splitValidation } from '../../src/data/index';
import { evaluate } from '../../src/evaluate/index';
import { alexnet, SMALL } from '../../src/model/index';
import { loadModel, saveModel } from '../../src/storage/index';
import { stepProgress, train } from '../../src/train/index';
import { percent, streamProgress } from '../../src/viz/index';

export function configure(command: Command): void {
  command.action(main);
}

async function main(): Promise<void> {
  const { train: images, validation } = splitValidation(loadDataset('train'), 5000);
  const model = alexnet(SMALL);
  const show = streamProgress(process.stdout);
  await train(model, images, {
    epochs: 8,
    batchSize: 64,
    learningRate: 2e-3,
    schedule: 'cosine',
    validate: () => evaluate(model, validation),
    onStep: (training) => show(stepProgress(training)),
    onEpoch: ({ epoch, valAccuracy }) =>
      console.log(`epoch ${epoch}: validation accuracy ${percent(valAccuracy ?? 0)}`),
  });
  const folder = path.join(__dirname, 'model');
  await saveModel(model, folder, { quantised: true });
  const { accuracy, images: count } = await evaluate(await loadModel(folder), loadDataset('test'));
  console.log(`saved in ${folder}: ${percent(accuracy)} of ${count} test images`);
}
