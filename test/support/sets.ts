import { type ImageSet, randomUniform } from '../../src/data/index';
import { type AlexNetOptions, alexnet, type LayerSpec } from '../../src/model/index';
import type { tf } from '../../src/tf/index';

/** A set that a small network learns in a few steps: class k is a bright vertical bar at column 2k + 4, with noise. */
export function barSet(length: number, classes = 10, seed = 1): ImageSet {
  const random = randomUniform(seed);
  const [height, width] = [28, 28];
  const pixels = new Uint8Array(length * height * width);
  const labels = new Uint8Array(length);
  for (let i = 0; i < length; i++) {
    labels[i] = i % classes;
    for (let p = 0; p < height * width; p++) {
      const column = p % width;
      const lit = column === 2 * labels[i] + 4 || column === 2 * labels[i] + 5;
      pixels[i * height * width + p] = lit ? 200 + 50 * random() : 40 * random();
    }
  }
  const classNames = Array.from({ length: classes }, (_, label) => String(label));
  return { name: 'bars', pixels, labels, length, height, width, channels: 1, classNames };
}

/** A small network with every kind of layer. */
export const BAR_LAYERS: LayerSpec[] = [
  { kind: 'conv', name: 'conv', filters: 8, kernel: 5, stride: 2, padding: 2 },
  { kind: 'maxPool', name: 'pool', kernel: 3, stride: 2 },
  { kind: 'flatten', name: 'flatten' },
  { kind: 'dropout', name: 'dropout' },
  { kind: 'dense', name: 'fc', units: 32, relu: true },
  { kind: 'dense', name: 'out', units: 0, relu: false },
];

export function barNetwork(options: AlexNetOptions = {}): tf.LayersModel {
  return alexnet({ inputSize: 28, layers: BAR_LAYERS, dropout: 0, seed: 1, ...options });
}

/** All weights of a model in one list. */
export function weightsOf(model: tf.LayersModel): number[] {
  return model.getWeights().flatMap((weight) => [...weight.dataSync()]);
}
