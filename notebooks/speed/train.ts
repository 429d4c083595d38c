/**
 * `npm run bench -- speed`: how fast can this machine learn to read 99% of MNIST's test images? Trains a small network
 * on 28×28 pixels and validates after each epoch. The settings were chosen on validation images; the test set is used
 * once.
 */
import type { Command } from 'commander';
import { loadDataset, splitValidation } from '../../src/data/index';
import { evaluate } from '../../src/evaluate/index';
import { alexnet, NETWORKS } from '../../src/model/index';
import { stepProgress, train } from '../../src/train/index';
import { percent, streamProgress } from '../../src/viz/index';

/** LeNet-5 with more filters. */
const layers = NETWORKS.lenet5.layers.map((layer) =>
  layer.kind === 'conv' ? { ...layer, filters: layer.name === 'conv1' ? 16 : 32 } : layer,
);

export function configure(command: Command): void {
  command.action(main);
}

async function main(): Promise<void> {
  const { train: images, validation } = splitValidation(loadDataset('train'), 5000);
  const model = alexnet({ inputSize: 28, layers, initialisation: 'he' });
  const show = streamProgress(process.stdout);
  const started = performance.now();
  const seconds = () => ((performance.now() - started) / 1000).toFixed(1);
  await train(model, images, {
    epochs: 3,
    batchSize: 128,
    learningRate: 4e-3,
    schedule: 'cosine',
    validate: () => evaluate(model, validation),
    onStep: (training) => show(stepProgress(training)),
    onEpoch: ({ epoch, valAccuracy }) =>
      console.log(`epoch ${epoch}, ${seconds()} s: validation ${percent(valAccuracy ?? 0)}`),
  });
  const { accuracy, images: count } = await evaluate(model, loadDataset('test'));
  console.log(`${percent(accuracy)} of ${count} test images after ${seconds()} s`);
}
