/** The networks, each as a table of layers. */
import type { LayerSpec } from './layers';

/**
 * The article's network, layer by layer: torchvision's one-tower AlexNet with one input channel.
 */
export const ALEXNET: readonly LayerSpec[] = [
  { kind: 'conv', name: 'conv1', filters: 64, kernel: 11, stride: 4, padding: 2 },
  { kind: 'maxPool', name: 'pool1', kernel: 3, stride: 2 },
  { kind: 'conv', name: 'conv2', filters: 192, kernel: 5, stride: 1, padding: 2 },
  { kind: 'maxPool', name: 'pool2', kernel: 3, stride: 2 },
  { kind: 'conv', name: 'conv3', filters: 384, kernel: 3, stride: 1, padding: 1 },
  { kind: 'conv', name: 'conv4', filters: 256, kernel: 3, stride: 1, padding: 1 },
  { kind: 'conv', name: 'conv5', filters: 256, kernel: 3, stride: 1, padding: 1 },
  { kind: 'maxPool', name: 'pool5', kernel: 3, stride: 2 },
  { kind: 'flatten', name: 'flatten' },
  { kind: 'dropout', name: 'dropout6' },
  { kind: 'dense', name: 'fc6', units: 4096, relu: true },
  { kind: 'dropout', name: 'dropout7' },
  { kind: 'dense', name: 'fc7', units: 4096, relu: true },
  { kind: 'dense', name: 'fc8', units: 0, relu: false },
];

/** The same structure with a quarter of the filters and small dense layers: 0.24 million parameters at 64×64. */
export const SMALL_ALEXNET: readonly LayerSpec[] = ALEXNET.map((layer) => {
  if (layer.kind === 'conv') return { ...layer, filters: layer.filters / 4 };
  if (layer.kind === 'dense' && layer.units > 0) return { ...layer, units: 256 };
  return layer;
});

/**
 * LeNet-5 for 28×28 pixels, with today's ReLU and max pooling in place of tanh and subsampling.
 * LeCun, Bottou, Bengio, Haffner: Gradient-Based Learning Applied to Document Recognition, 1998.
 */
const LENET5: readonly LayerSpec[] = [
  { kind: 'conv', name: 'conv1', filters: 6, kernel: 5, stride: 1, padding: 2 },
  { kind: 'maxPool', name: 'pool1', kernel: 2, stride: 2 },
  { kind: 'conv', name: 'conv2', filters: 16, kernel: 5, stride: 1, padding: 0 },
  { kind: 'maxPool', name: 'pool2', kernel: 2, stride: 2 },
  { kind: 'flatten', name: 'flatten' },
  { kind: 'dense', name: 'fc3', units: 120, relu: true },
  { kind: 'dense', name: 'fc4', units: 84, relu: true },
  { kind: 'dense', name: 'fc5', units: 0, relu: false },
];

/**
 * A small VGG for 32×32 pixels: pairs of 3×3 convolutions, twice the filters after each pooling.
 * Simonyan, Zisserman: Very Deep Convolutional Networks for Large-Scale Image Recognition, 2014.
 */
const VGG6: readonly LayerSpec[] = [
  ...[32, 64].flatMap((filters, i): LayerSpec[] => [
    ...[1, 2].map(
      (n): LayerSpec => ({
        ...{ kind: 'conv', name: `conv${i + 1}_${n}`, filters },
        ...{ kernel: 3, stride: 1, padding: 1 },
      }),
    ),
    { kind: 'maxPool', name: `pool${i + 1}`, kernel: 2, stride: 2 },
  ]),
  { kind: 'flatten', name: 'flatten' },
  { kind: 'dropout', name: 'dropout' },
  { kind: 'dense', name: 'fc3', units: 256, relu: true },
  { kind: 'dense', name: 'fc4', units: 0, relu: false },
];

export interface Network {
  layers: readonly LayerSpec[];
  /** Height and width of the input that it was made for. */
  inputSize: number;
  description: string;
}

/** The networks by name, for `npm run train -- --network`. */
export const NETWORKS = {
  alexnet: { layers: ALEXNET, inputSize: 227, description: "the article's AlexNet" },
  'alexnet-small': {
    layers: SMALL_ALEXNET,
    inputSize: 64,
    description: 'the same with a quarter of the filters',
  },
  lenet5: { layers: LENET5, inputSize: 28, description: 'LeNet-5 (1998), with ReLU' },
  vgg6: { layers: VGG6, inputSize: 32, description: 'a small VGG (2014)' },
} satisfies Record<string, Network>;

export type NetworkName = keyof typeof NETWORKS;
