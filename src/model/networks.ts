/** The networks, each as a table of layers. */
import { imagenetClasses } from './imagenet';
import type { ModelInfo } from './info';
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

const RESPONSE_NORM = {
  kind: 'localResponseNorm',
  size: 5,
  k: 2,
  alpha: 1e-4,
  beta: 0.75,
} as const;

/**
 * The AlexNet of 2012, but in one group instead of two for two graphics cards, and with the article's padding in conv1.
 * Krizhevsky, Sutskever, Hinton: ImageNet Classification with Deep Convolutional Neural Networks.
 */
const ALEXNET_2012: readonly LayerSpec[] = ALEXNET.flatMap((layer): LayerSpec[] => {
  if (layer.kind !== 'conv') return [layer];
  const filters = { conv1: 96, conv2: 256, conv3: 384, conv4: 384, conv5: 256 }[layer.name]!;
  const wide = { ...layer, filters };
  const isNormalised = layer.name === 'conv1' || layer.name === 'conv2';
  return isNormalised
    ? [wide, { ...RESPONSE_NORM, name: layer.name.replace('conv', 'norm') }]
    : [wide];
});

/**
 * A small residual network for 28×28 pixels, with PyTorch's names of torchvision's ResNet: three blocks of two 3×3
 * convolutions, with 16, 32 and 64 filters.
 * He, Zhang, Ren, Sun: Deep Residual Learning for Image Recognition, 2015, section 4.2, with n = 1.
 */
const RESNET8: readonly LayerSpec[] = [
  ...normalisedConvolution('conv1', 'bn1', 16, 3, 1),
  { kind: 'relu', name: 'relu' },
  ...residualBlock('layer1.0', 'relu', 16, 1),
  ...residualBlock('layer2.0', 'layer1.0.relu2', 32, 2),
  ...residualBlock('layer3.0', 'layer2.0.relu2', 64, 2),
  { kind: 'globalAveragePool', name: 'avgpool' },
  { kind: 'dense', name: 'fc', units: 0, relu: false },
];

/** Two 3×3 convolutions of the layer `input`, plus that layer itself, or a 1×1 convolution of it if the shape changes. */
function residualBlock(name: string, input: string, filters: number, stride: number): LayerSpec[] {
  const shortcut = `${name}.downsample`;
  const [first, ...downsample] =
    stride === 1 ? [] : normalisedConvolution(`${shortcut}.0`, `${shortcut}.1`, filters, 1, stride);
  return [
    ...normalisedConvolution(`${name}.conv1`, `${name}.bn1`, filters, 3, stride),
    { kind: 'relu', name: `${name}.relu1` },
    ...normalisedConvolution(`${name}.conv2`, `${name}.bn2`, filters, 3, 1),
    ...(first ? [{ ...first, from: input }, ...downsample] : []),
    {
      kind: 'add',
      name: `${name}.add`,
      from: `${name}.bn2`,
      other: first ? `${shortcut}.1` : input,
    },
    { kind: 'relu', name: `${name}.relu2` },
  ];
}

function normalisedConvolution(
  name: string,
  norm: string,
  filters: number,
  kernel: number,
  stride: number,
): LayerSpec[] {
  const padding = (kernel - 1) / 2;
  return [
    { kind: 'conv', name, filters, kernel, stride, padding, bias: false, relu: false },
    { kind: 'batchNorm', name: norm },
  ];
}

export interface Network {
  layers: readonly LayerSpec[];
  /** Height and width of the input that it was made for. */
  inputSize: number;
  description: string;
  /** Its published weights: what they were trained on, and how. */
  pretrained?: { channels: number; classNames: () => readonly string[] } & Omit<
    ModelInfo,
    'classNames'
  >;
}

/** The networks by name, for `npm run train -- --network`. */
export const NETWORKS = {
  'alexnet-imagenet': {
    layers: ALEXNET,
    inputSize: 224,
    description: "torchvision's AlexNet, for ImageNet's weights",
    pretrained: {
      channels: 3,
      classNames: imagenetClasses,
      mean: [0.485, 0.456, 0.406],
      std: [0.229, 0.224, 0.225],
      resizeTo: 256,
    },
  },
  alexnet: { layers: ALEXNET, inputSize: 227, description: "the article's AlexNet" },
  'alexnet-2012': { layers: ALEXNET_2012, inputSize: 227, description: 'AlexNet of 2012' },
  'alexnet-small': {
    layers: SMALL_ALEXNET,
    inputSize: 64,
    description: "the article's with a quarter of the filters",
  },
  lenet5: { layers: LENET5, inputSize: 28, description: 'LeNet-5 (1998), with ReLU' },
  vgg6: { layers: VGG6, inputSize: 32, description: 'a small VGG (2014)' },
  resnet8: { layers: RESNET8, inputSize: 28, description: 'a small ResNet (2015)' },
} satisfies Record<string, Network>;

export type NetworkName = keyof typeof NETWORKS;
