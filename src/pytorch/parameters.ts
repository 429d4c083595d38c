/** Maps PyTorch's tensors to our weights. */
import { InputError } from '../errors';
import {
  type Dimensions,
  type LayerSpec,
  layerTable,
  NETWORKS,
  type Network,
} from '../model/index';
import { quoted, type StateDict } from './tensors';

/** One tensor of the state_dict and the weight that it becomes. */
export interface Parameter {
  /** PyTorch's name: `features.0.weight`. */
  key: string;
  /** Our name: `conv1/kernel`. Batch normalisation's counter is no weight: `bn1/calls`. */
  weight: string;
  /** PyTorch's shape: [out, in, height, width], [out, in], [out] or [] for a counter. */
  shape: number[];
  /**
   * The same shape as [out, channels, height, width], so that one rule reorders all weights. A dense layer after
   * the flattening needs it: PyTorch flattens [channels, height, width], TensorFlow [height, width, channels].
   */
  axes: number[];
  /** TensorFlow's shape: [height, width, in, out], [in, out] or [out]. */
  ourShape: number[];
  isCounter?: true;
}

/**
 * PyTorch's names of the layers. The article's class has two `nn.Sequential`: `features` up to the flattening and
 * `classifier` after it. The number counts the modules inside. A ReLU is a module too. A residual network is no
 * sequence: its layers have PyTorch's names.
 */
function moduleKeys(layers: readonly LayerSpec[]): string[] {
  if (layers.some(({ kind }) => kind === 'add')) return layers.map(({ name }) => name);
  let [sequential, index] = ['features', 0];
  return layers.map((layer) => {
    const key = `${sequential}.${index}`;
    if (layer.kind === 'flatten') [sequential, index] = ['classifier', 0];
    else index += isFollowedByRelu(layer) ? 2 : 1;
    return key;
  });
}

const isFollowedByRelu = (layer: LayerSpec) =>
  layer.kind === 'dense' ? layer.relu : layer.kind === 'conv' && layer.relu !== false;

/** The state_dict of a network, in PyTorch's order. */
export function parameters(layers: readonly LayerSpec[], dimensions: Dimensions): Parameter[] {
  const rows = layerTable(layers, dimensions);
  const keys = moduleKeys(layers);
  let flattened: number[] | undefined; // [height, width, channels] before the flattening, until a dense layer comes
  return layers.flatMap((layer, i) => {
    const { inputShape, outputShape } = rows[i];
    const out = outputShape.at(-1)!;
    const vector = (name: string, ours: string): Parameter => ({
      ...{ key: `${keys[i]}.${name}`, weight: `${layer.name}/${ours}` },
      ...{ shape: [out], axes: [out, 1, 1, 1], ourShape: [out] },
    });
    const kernel = (shape: number[], axes: number[], ourShape: number[]): Parameter => ({
      ...{ key: `${keys[i]}.weight`, weight: `${layer.name}/kernel`, shape, axes, ourShape },
    });
    switch (layer.kind) {
      case 'flatten':
        flattened = inputShape;
        return [];
      case 'conv': {
        const channels = inputShape[2];
        const size = [layer.kernel, layer.kernel];
        const shape = [out, channels, ...size];
        const weights = kernel(shape, shape, [...size, channels, out]);
        return layer.bias === false ? [weights] : [weights, vector('bias', 'bias')];
      }
      case 'dense': {
        const [height, width, channels] = flattened ?? [1, 1, inputShape[0]];
        flattened = undefined;
        const shape = [out, inputShape[0]];
        const axes = [out, channels, height, width];
        return [kernel(shape, axes, [inputShape[0], out]), vector('bias', 'bias')];
      }
      case 'batchNorm':
        return [
          vector('weight', 'gamma'),
          vector('bias', 'beta'),
          vector('running_mean', 'moving_mean'),
          vector('running_var', 'moving_variance'),
          {
            ...vector('num_batches_tracked', 'calls'),
            ...{ shape: [], axes: [], ourShape: [], isCounter: true },
          },
        ];
      default:
        return [];
    }
  });
}

/** Whether there is a weight for each layer that has one. Quick: it compares names only. */
export function hasLayersOf(
  layers: readonly LayerSpec[],
  { tensors }: Pick<StateDict, 'tensors'>,
): boolean {
  const keys = moduleKeys(layers);
  return layers.every(
    ({ kind }, i) =>
      !['conv', 'dense', 'batchNorm'].includes(kind) || tensors.has(`${keys[i]}.weight`),
  );
}

const LARGEST_SIZE = 1024;

/**
 * The dimensions of the network to which the weights belong. Channels and classes are sizes of the first and the
 * last layer. The input size only follows roughly, from the number of features after the flattening: 223 to 254
 * pixels all give 9,216. In order of preference it is `inputSize`, the network's own size if possible, and the smallest possible size. Throws InputError if `inputSize` does not fit the features.
 */
export function inferDimensions(
  { layers, inputSize: usual }: Pick<Network, 'layers' | 'inputSize'>,
  { tensors }: Pick<StateDict, 'tensors'>,
  inputSize?: number,
): Dimensions {
  const keys = moduleKeys(layers);
  const sizeIn = (isWanted: (layer: LayerSpec) => boolean, axis: number) =>
    // A size of 0 or a missing axis is refused later, by `compareShapes`.
    tensors.get(`${keys[layers.findIndex(isWanted)]}.weight`)?.shape[axis] || undefined;
  const channels = sizeIn(({ kind }) => kind === 'conv', 1) ?? 1;
  const classes = sizeIn((layer) => layer.kind === 'dense' && layer.units === 0, 0) ?? 10;
  const features = sizeIn(({ kind }) => kind === 'dense', 1);
  const beforeDense = layers.slice(
    0,
    layers.findIndex(({ kind }) => kind === 'dense'),
  );
  const sizes = Array.from({ length: LARGEST_SIZE }, (_, i) => i + 1).filter((inputSize) => {
    try {
      const row = layerTable(beforeDense, { inputSize, channels, classes }).at(-1);
      return features === undefined || row?.outputShape[0] === features;
    } catch {
      return false; // too small
    }
  });
  if (inputSize !== undefined && sizes.length > 0 && !sizes.includes(inputSize)) {
    throw new InputError(
      `not for an input size of ${inputSize}: ${features} features need ${sizes[0]} to ${sizes.at(-1)}`,
    );
  }
  const inferred = sizes.includes(usual) ? usual : sizes[0];
  return { inputSize: inputSize ?? inferred ?? usual, channels, classes };
}

/** The first of NETWORKS that `fits`, or the article's, whose misfits an error can name. */
export function networkFor(fits: (network: Network) => boolean): Network {
  const found = Object.values<Network>(NETWORKS).find((network) => {
    try {
      return fits(network);
    } catch {
      return false; // its input is too small
    }
  });
  return found ?? NETWORKS.alexnet;
}

type NamedShape = readonly [name: string, shape: readonly number[]];

/** Names everything that is missing, unknown or has another shape. Undefined if everything is right. */
export function compareShapes(wanted: NamedShape[], found: NamedShape[]): string | undefined {
  const shapes = [new Map(wanted), new Map(found)];
  const missing = wanted.filter(([name]) => !shapes[1].has(name)).map(([name]) => name);
  const extra = found.filter(([name]) => !shapes[0].has(name)).map(([name]) => quoted(name));
  const misshapen = wanted.flatMap(([name, shape]) => {
    const other = shapes[1].get(name);
    return other && other.join() !== shape.join() ? `${name} is [${other}], want [${shape}]` : [];
  });
  const problems = [
    missing.length > 0 ? `missing: ${missing.join(', ')}` : [],
    extra.length > 0 ? `not in the network: ${extra.join(', ')}` : [],
    misshapen,
  ].flat();
  return problems.length > 0 ? problems.join('; ') : undefined;
}
