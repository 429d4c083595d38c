/** For gpu.test.ts: computes and trains on this process's device, and prints the numbers as JSON. */
import './as-gpu';
import { disposeBatch, makeBatch, slice } from '../../src/data/index';
import { evaluate } from '../../src/evaluate/index';
import { alexnet, type LayerSpec, trainableVariables } from '../../src/model/index';
import {
  autocast,
  backend,
  device,
  PRECISIONS,
  type Precision,
  Recording,
  type tf,
} from '../../src/tf/index';
import { crossEntropySum, newTraining, train, trainStep } from '../../src/train/index';
import { barSet } from './sets';

export interface DeviceNumbers {
  isGpu: boolean;
  /** By precision and name: the logits of a batch and the gradients, flat; of large ones the first numbers. */
  values: Record<Precision, Record<string, number[]>>;
  /** By precision: accuracy on images that the network has not seen. */
  accuracies: Record<Precision, number>;
  /** The card's free memory before, after 5 and after 30 training steps of AlexNet. Empty without a card. */
  freeBytes: number[];
}

/** Every kind of layer. */
const LAYERS: LayerSpec[] = [
  { kind: 'conv', name: 'conv1', filters: 16, kernel: 5, stride: 2, padding: 2 },
  { kind: 'localResponseNorm', name: 'norm1', size: 5, k: 2, alpha: 1e-4, beta: 0.75 },
  { kind: 'maxPool', name: 'pool1', kernel: 2, stride: 2 },
  {
    kind: 'conv',
    name: 'conv2',
    filters: 16,
    kernel: 3,
    stride: 1,
    padding: 1,
    bias: false,
    relu: false,
  },
  { kind: 'batchNorm', name: 'norm2' },
  { kind: 'add', name: 'add', other: 'pool1' },
  { kind: 'relu', name: 'relu' },
  { kind: 'flatten', name: 'flatten' },
  { kind: 'dropout', name: 'dropout' },
  { kind: 'dense', name: 'fc1', units: 64, relu: true },
  { kind: 'dense', name: 'fc2', units: 0, relu: false },
];
const set = barSet(240);
const build = (dropout: number) => alexnet({ layers: LAYERS, inputSize: 28, seed: 1, dropout });

function valuesIn(precision: Precision): Record<string, number[]> {
  const values: Record<string, number[]> = {};
  const note = (name: string, tensor: tf.Tensor) => {
    values[name] = [...tensor.flatten().dataSync().slice(0, 2000)];
  };
  const model = build(0);
  const batch = makeBatch(set, [...Array(32).keys()], 28);
  const variables = trainableVariables(model);
  autocast(precision, () => {
    const recording = Recording.of(() => {
      const logits = model.apply(batch.images, { training: true }) as tf.Tensor2D;
      note('logits', logits);
      return crossEntropySum(logits, batch.labels);
    });
    recording.backward(variables, (variable, gradient) => {
      note(`gradient ${variables.indexOf(variable)}`, gradient);
      gradient.dispose();
    });
    recording.dispose();
  });
  disposeBatch(batch);
  model.dispose();
  return values;
}

async function accuracyIn(precision: Precision): Promise<number> {
  const model = build(0.2);
  const settings = { epochs: 4, batchSize: 20, learningRate: 3e-3, precision, seed: 1 };
  await train(model, slice(set, 0, 160), settings);
  const { accuracy } = await evaluate(model, slice(set, 160, 240));
  model.dispose();
  return accuracy;
}

function freeMemory(): number[] {
  const free = () => {
    backend().tuning.device = undefined; // ask again
    return device().freeBytes;
  };
  const before = free();
  if (before === undefined) return [];
  const training = newTraining(alexnet(), { precision: 'float32' });
  const large = barSet(64);
  const steps = (count: number) => {
    for (let i = 0; i < count; i++) trainStep(training, large, [[...Array(64).keys()]]);
    return free()!;
  };
  return [before, steps(5), steps(25)];
}

async function main(): Promise<void> {
  const byPrecision = async <T>(f: (precision: Precision) => T | Promise<T>) => {
    const results = [];
    for (const precision of PRECISIONS) results.push([precision, await f(precision)]);
    return Object.fromEntries(results) as Record<Precision, T>;
  };
  const numbers: DeviceNumbers = {
    isGpu: backend().isUsingGpuDevice,
    freeBytes: freeMemory(),
    values: await byPrecision(valuesIn),
    accuracies: await byPrecision(accuracyIn),
  };
  process.stdout.write(JSON.stringify(numbers));
}

main();
