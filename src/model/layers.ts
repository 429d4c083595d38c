/**
 * The rows of a network's table, and what follows from them: shapes, parameters, multiply–accumulates.
 * Plain data, no TensorFlow. networks.ts has the tables.
 */
import { InputError } from '../errors';

/** Every convolution is followed by a ReLU. `units: 0` means the number of classes. */
export type LayerSpec =
  | { kind: 'conv'; name: string; filters: number; kernel: number; stride: number; padding: number }
  | { kind: 'maxPool'; name: string; kernel: number; stride: number }
  | { kind: 'flatten'; name: string }
  | { kind: 'dropout'; name: string }
  | { kind: 'dense'; name: string; units: number; relu: boolean };

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
