/**
 * AlexNet as a table of layers, and what follows from the table: shapes, parameters, multiply–accumulates.
 * Plain data, no TensorFlow.
 */
import { InputError } from '../errors';

export type LayerSpec =
  | { kind: 'conv'; name: string; filters: number; kernel: number; stride: number; padding: number }
  | { kind: 'maxPool'; name: string; kernel: number; stride: number }
  | { kind: 'flatten'; name: string }
  | { kind: 'dropout'; name: string }
  | { kind: 'dense'; name: string; units: number; relu: boolean };

/**
 * The article's network, layer by layer (torchvision's one-tower AlexNet with one input channel).
 * Every convolution is followed by a ReLU. `units: 0` means the number of classes.
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

/** The sizes of a network's input and output. */
export interface Dimensions {
  /** Height and width of the input, in pixels. */
  inputSize: number;
  channels: number;
  classes: number;
}

export interface LayerRow {
  name: string;
  /** `64@11×11, stride 4, padding 2` */
  description: string;
  /** [height, width, channels] or [features], without the batch axis. */
  outputShape: number[];
  /** Weights and biases. */
  parameters: number;
  /** Multiply–accumulates of the forward pass for one image; biases, ReLU and pooling not counted. */
  macs: number;
}

/** Computes each layer's output shape and cost. Throws InputError if the image becomes smaller than one pixel. */
export function layerTable(layers: readonly LayerSpec[], dimensions: Dimensions): LayerRow[] {
  const { inputSize, channels, classes } = dimensions;
  let shape = [inputSize, inputSize, channels];
  return layers.map((layer) => {
    const row = layerRow(layer, shape, classes);
    if (row.outputShape.some((size) => size < 1)) {
      throw new InputError(
        `input size ${inputSize} is too small: ${layer.name} (${row.description}) gets ${shape.join('×')} and would output nothing`,
      );
    }
    shape = row.outputShape;
    return row;
  });
}

/** Total parameters and multiply–accumulates. */
export function totals(rows: readonly LayerRow[]): { parameters: number; macs: number } {
  return {
    parameters: rows.reduce((sum, row) => sum + row.parameters, 0),
    macs: rows.reduce((sum, row) => sum + row.macs, 0),
  };
}

function layerRow(layer: LayerSpec, input: number[], classes: number): LayerRow {
  const { name } = layer;
  switch (layer.kind) {
    case 'conv': {
      const [height, width, channels] = image(input, name);
      const { filters, kernel, stride, padding } = layer;
      const outputShape = [
        slidingPositions(height, kernel, stride, padding),
        slidingPositions(width, kernel, stride, padding),
        filters,
      ];
      const weights = kernel * kernel * channels * filters;
      return {
        name,
        description: `${filters}@${kernel}×${kernel}, stride ${stride}, padding ${padding}, ReLU`,
        outputShape,
        parameters: weights + filters,
        macs: weights * outputShape[0] * outputShape[1],
      };
    }
    case 'maxPool': {
      const [height, width, channels] = image(input, name);
      const { kernel, stride } = layer;
      return {
        name,
        description: `max ${kernel}×${kernel}, stride ${stride}`,
        outputShape: [
          slidingPositions(height, kernel, stride, 0),
          slidingPositions(width, kernel, stride, 0),
          channels,
        ],
        parameters: 0,
        macs: 0,
      };
    }
    case 'flatten':
      return {
        name,
        description: input.join('×'),
        outputShape: [product(input)],
        parameters: 0,
        macs: 0,
      };
    case 'dropout':
      return { name, description: 'in training only', outputShape: input, parameters: 0, macs: 0 };
    case 'dense': {
      if (input.length !== 1)
        throw new InputError(`${name} needs a flat input: put flatten before it`);
      const units = layer.units === 0 ? classes : layer.units;
      const weights = input[0] * units;
      return {
        name,
        description: `${units} units${layer.relu ? ', ReLU' : ''}`,
        outputShape: [units],
        parameters: weights + units,
        macs: weights,
      };
    }
  }
}

/** The number of positions of a kernel along one axis: ⌊(size + 2·padding − kernel) / stride⌋ + 1. */
function slidingPositions(size: number, kernel: number, stride: number, padding: number): number {
  return Math.floor((size + 2 * padding - kernel) / stride) + 1;
}

function image(shape: number[], name: string): number[] {
  if (shape.length !== 3) throw new InputError(`${name} needs an image: put it before flatten`);
  return shape;
}

function product(sizes: number[]): number {
  return sizes.reduce((a, b) => a * b, 1);
}
