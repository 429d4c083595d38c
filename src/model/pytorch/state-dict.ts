/** Which tensor of PyTorch's is which weight of ours, and in which order each has its numbers. */
import { InputError } from '../../errors';
import { type Dimensions, type LayerSpec, layerTable } from '../layers';
import { product, type StateDict, shown } from './stored';

/** One tensor of the state_dict, and the weight of a layer that it is. */
export interface Parameter {
  /** `features.0.weight` */
  key: string;
  /** The layer's name in the table, and which of its weights: 0 the kernel, 1 the bias. */
  layer: string;
  index: 0 | 1;
  /** As PyTorch has it: [out, in, height, width], [out, in] or [out]. */
  shape: number[];
  /** The same with the first dense layer's inputs taken apart: [out, channels, height, width]. */
  axes: number[];
  /** Ours has axis `permutation[0]` of these first, then axis `permutation[1]`, … */
  permutation: number[];
  /** As TensorFlow has it: [height, width, in, out], [in, out] or [out]. */
  ourShape: number[];
}

/** [out, in, height, width] → [height, width, in, out] */
const CHANNELS_LAST = [2, 3, 1, 0];

/**
 * The article's class keeps its layers in two `nn.Sequential`, `features` up to the flattening and `classifier`
 * from it on, and a key counts every module in them: a convolution and its ReLU are two, a pool, a dropout
 * and a dense layer one each, and a dense layer's ReLU another.
 */
export function moduleKeys(layers: readonly LayerSpec[]): Map<string, string> {
  const keys = new Map<string, string>();
  let sequential = 'features';
  let index = 0;
  for (const layer of layers) {
    if (layer.kind === 'flatten') {
      sequential = 'classifier';
      index = 0;
      continue;
    }
    if (layer.kind === 'conv' || layer.kind === 'dense') {
      keys.set(layer.name, `${sequential}.${index}`);
    }
    index += layer.kind === 'conv' || (layer.kind === 'dense' && layer.relu) ? 2 : 1;
  }
  return keys;
}

/** The state_dict of the network that a table describes, in PyTorch's order. */
export function parameters(layers: readonly LayerSpec[], dimensions: Dimensions): Parameter[] {
  const rows = layerTable(layers, dimensions);
  const keys = moduleKeys(layers);
  const { inputSize, channels, classes } = dimensions;
  const result: Parameter[] = [];
  let input = [inputSize, inputSize, channels];
  let flattened: number[] | undefined;
  layers.forEach((layer, i) => {
    if (layer.kind === 'flatten') flattened = input;
    if (layer.kind === 'conv' || layer.kind === 'dense') {
      const { name } = layer;
      const key = keys.get(name) as string;
      if (layer.kind === 'conv') {
        const { filters, kernel } = layer;
        const shape = [filters, input[2], kernel, kernel];
        result.push(weight(key, name, shape, shape, CHANNELS_LAST));
      } else {
        const units = layer.units === 0 ? classes : layer.units;
        const shape = [units, product(input)];
        if (flattened?.length === 3) {
          // Flattened, an image is [channels, height, width] there and [height, width, channels] here.
          const [height, width, depth] = flattened;
          result.push(weight(key, name, shape, [units, depth, height, width], CHANNELS_LAST));
        } else {
          result.push(weight(key, name, shape, shape, [1, 0]));
        }
        flattened = undefined;
      }
      const out = [result[result.length - 1].shape[0]];
      const bias = { key: `${key}.bias`, layer: name, index: 1 as const };
      result.push({ ...bias, shape: out, axes: out, permutation: [0], ourShape: out });
    }
    input = rows[i].outputShape;
  });
  return result;
}

function weight(
  key: string,
  layer: string,
  shape: number[],
  axes: number[],
  permutation: number[],
): Parameter {
  const ours = permutation.map((axis) => axes[axis]);
  const ourShape = shape.length === 4 ? ours : [product(ours.slice(0, -1)), shape[0]];
  return { key: `${key}.weight`, layer, index: 0, shape, axes, permutation, ourShape };
}

/** The article's, and what an input is taken for where weights leave several sizes open. */
const ARTICLES_SIZE = 227;
const LARGEST_SIZE = 1024;

/**
 * What weights tell of the network's dimensions. Channels and classes are sizes of the first and last layer. The
 * input's size is in no tensor, and only bounded by the number of features after the flattening: 9,216 may
 * come from 223 up to 254 pixels. So `inputSize` decides, else the note that our own files have, else 227 if it
 * is possible, the article's, else the smallest possible size.
 */
export function inferDimensions(
  layers: readonly LayerSpec[],
  dict: StateDict,
  inputSize = dict.inputSize,
): Dimensions {
  const keys = moduleKeys(layers);
  const sizeIn = (layer: LayerSpec | undefined, axis: number, rank: number) => {
    const shape = layer && dict.tensors.get(`${keys.get(layer.name)}.weight`)?.shape;
    return shape?.length === rank && shape[axis] > 0 ? shape[axis] : undefined;
  };
  const conv = layers.find((layer) => layer.kind === 'conv');
  const dense = layers.find((layer) => layer.kind === 'dense');
  const last = layers.find((layer) => layer.kind === 'dense' && layer.units === 0);
  const channels = sizeIn(conv, 1, 4) ?? 1;
  const classes = sizeIn(last, 0, 2) ?? 10;
  const features = sizeIn(dense, 1, 2);
  const sizes = possibleSizes(layers, channels, features);
  if (inputSize !== undefined && sizes.length > 0 && !sizes.includes(inputSize)) {
    throw new InputError(
      `not for an input size of ${inputSize}: ${features} features come from ${sizes[0]} up to ${sizes.at(-1)}`,
    );
  }
  const inferred = sizes.includes(ARTICLES_SIZE) ? ARTICLES_SIZE : sizes[0];
  return { inputSize: inputSize ?? inferred ?? ARTICLES_SIZE, channels, classes };
}

/** All sizes, or those that come out of the flattening with so many features. */
function possibleSizes(
  layers: readonly LayerSpec[],
  channels: number,
  features: number | undefined,
): number[] {
  const flat = layers.findIndex((layer) => layer.kind === 'flatten');
  const before = layers.slice(0, flat + 1);
  const sizes = [];
  for (let inputSize = 1; inputSize <= LARGEST_SIZE; inputSize++) {
    try {
      const rows = layerTable(before, { inputSize, channels, classes: 1 });
      if (features === undefined || rows[flat]?.outputShape[0] === features) sizes.push(inputSize);
    } catch {} // too small
  }
  return sizes;
}

/** Names everything that is missing, too much, or of another shape, in one error. */
export function checkShapes(wanted: readonly Parameter[], { tensors }: StateDict): void {
  const keys = new Set(wanted.map(({ key }) => key));
  const missing = [...keys].filter((key) => !tensors.has(key));
  const extra = [...tensors.keys()].filter((key) => !keys.has(key));
  const misshapen = wanted.flatMap(({ key, shape }) => {
    const found = tensors.get(key)?.shape;
    return found && found.join() !== shape.join() ? `${key} is [${found}], want [${shape}]` : [];
  });
  const problems = [
    missing.length > 0 ? `missing: ${missing.join(', ')}` : [],
    extra.length > 0 ? `not in the network: ${extra.map(shown).join(', ')}` : [],
    ...misshapen,
  ].flat();
  if (problems.length > 0) {
    throw new InputError(`not the weights of this network: ${problems.join('; ')}`);
  }
}
