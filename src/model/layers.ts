/**
 * The rows of a network's table, and what follows from them: shapes, parameters, multiply–accumulates.
 * Plain data, no TensorFlow. networks.ts has the tables.
 */
import { InputError } from '../errors';

/** A layer takes the output of the row above, or that of the layer `from`. */
export type LayerSpec = { name: string; from?: string } & (
  | Convolution
  | { kind: 'maxPool'; kernel: number; stride: number }
  | { kind: 'flatten' }
  | { kind: 'dropout' }
  /** `units: 0` means the number of classes. */
  | { kind: 'dense'; units: number; relu: boolean }
  | { kind: 'batchNorm' }
  | { kind: 'relu' }
  /** The sum of its input and the output of the layer `other`. */
  | { kind: 'add'; other: string }
  /** The mean of each channel. */
  | { kind: 'globalAveragePool' }
  | ({ kind: 'localResponseNorm' } & ResponseNorm)
);

interface Convolution {
  kind: 'conv';
  filters: number;
  kernel: number;
  stride: number;
  padding: number;
  /** A ReLU follows, unless this is false. */
  relu?: false;
  /** It has biases, unless this is false. */
  bias?: false;
}

/** a / (k + α Σ a²)^β, with the sum over `size` neighbouring channels. */
export interface ResponseNorm {
  size: number;
  k: number;
  alpha: number;
  beta: number;
}

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
  inputShape: number[];
  outputShape: number[];
  /** Weights and biases, without batch normalisation's statistics. */
  parameters: number;
  /** Multiply–accumulates of the forward pass for one image; biases, ReLU and pooling not counted. */
  macs: number;
}

/** Computes each layer's output shape and cost. Throws InputError if the image becomes smaller than one pixel. */
export function layerTable(layers: readonly LayerSpec[], dimensions: Dimensions): LayerRow[] {
  const { inputSize, channels, classes } = dimensions;
  let above = [inputSize, inputSize, channels];
  const shapes = new Map<string, number[]>();
  return layers.map((layer) => {
    const inputShape = layer.from === undefined ? above : shapes.get(layer.from);
    if (!inputShape) throw new InputError(`${layer.name}: no layer ${layer.from} above it`);
    const row = { name: layer.name, inputShape, ...layerRow(layer, inputShape, classes) };
    if (row.outputShape.some((size) => size < 1)) {
      throw new InputError(
        `input size ${inputSize} is too small: ${layer.name} (${row.description}) gets ${inputShape.join('×')} and would output nothing`,
      );
    }
    if (layer.kind === 'add' && shapes.get(layer.other)?.join() !== inputShape.join()) {
      throw new InputError(
        `${layer.name} adds ${inputShape.join('×')} and ${shapes.get(layer.other)?.join('×')}`,
      );
    }
    above = row.outputShape;
    shapes.set(layer.name, above);
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

function layerRow(
  layer: LayerSpec,
  input: number[],
  classes: number,
): Omit<LayerRow, 'name' | 'inputShape'> {
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
      const relu = layer.relu === false ? '' : ', ReLU';
      return {
        description: `${filters}@${kernel}×${kernel}, stride ${stride}, padding ${padding}${relu}`,
        outputShape,
        parameters: weights + (layer.bias === false ? 0 : filters),
        macs: weights * outputShape[0] * outputShape[1],
      };
    }
    case 'maxPool': {
      const [height, width, channels] = image(input, name);
      const { kernel, stride } = layer;
      return {
        description: `max ${kernel}×${kernel}, stride ${stride}`,
        outputShape: [
          slidingPositions(height, kernel, stride, 0),
          slidingPositions(width, kernel, stride, 0),
          channels,
        ],
        ...FREE,
      };
    }
    case 'flatten':
      return { description: input.join('×'), outputShape: [product(input)], ...FREE };
    case 'dropout':
      return { description: 'in training only', outputShape: input, ...FREE };
    case 'batchNorm':
      return {
        description: `${input.at(-1)} channels`,
        outputShape: input,
        parameters: 2 * input.at(-1)!,
        macs: 0,
      };
    case 'relu':
      return { description: 'max(0, x)', outputShape: input, ...FREE };
    case 'add':
      return { description: `plus ${layer.other}`, outputShape: input, ...FREE };
    case 'globalAveragePool':
      return {
        description: 'mean of each channel',
        outputShape: [image(input, name)[2]],
        ...FREE,
      };
    case 'localResponseNorm':
      return { description: `over ${layer.size} channels`, outputShape: input, ...FREE };
    case 'dense': {
      if (input.length !== 1)
        throw new InputError(`${name} needs a flat input: put flatten before it`);
      const units = layer.units === 0 ? classes : layer.units;
      const weights = input[0] * units;
      return {
        description: `${units} units${layer.relu ? ', ReLU' : ''}`,
        outputShape: [units],
        parameters: weights + units,
        macs: weights,
      };
    }
  }
}

const FREE = { parameters: 0, macs: 0 };

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
