/**
 * `npm run speed`: how fast can this machine learn to read 99% of MNIST's test images? Trains a small network on 28×28
 * pixels and validates after each epoch. The settings were chosen on validation images; the test set is used once.
 */
import { loadDataset, splitValidation } from '../../src/data/index';
import { evaluate } from '../../src/evaluate/index';
import { alexnet, type LayerSpec } from '../../src/model/index';
import { stepProgress, train } from '../../src/train/index';
import { percent, streamProgress } from '../../src/viz/index';

const layers: LayerSpec[] = [
  { kind: 'conv', name: 'conv1', filters: 16, kernel: 5, stride: 1, padding: 2 },
  { kind: 'maxPool', name: 'pool1', kernel: 2, stride: 2 },
  { kind: 'conv', name: 'conv2', filters: 32, kernel: 3, stride: 1, padding: 1 },
  { kind: 'maxPool', name: 'pool2', kernel: 2, stride: 2 },
  { kind: 'flatten', name: 'flatten' },
  { kind: 'dense', name: 'fc1', units: 128, relu: true },
  { kind: 'dense', name: 'fc2', units: 0, relu: false },
];

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

main();
