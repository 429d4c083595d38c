/** Maps PyTorch's tensors to our weights. */
import { InputError } from '../errors';
import { type Dimensions, type LayerSpec, layerTable, NETWORKS } from '../model/index';
import { product, quoted, type StateDict } from './tensors';

/** One tensor of the state_dict and the weight that it becomes. */
export interface Parameter {
  /** PyTorch's name: `features.0.weight`. */
  key: string;
  /** Our name: `conv1/kernel`. */
  weight: string;
  /** PyTorch's shape: [out, in, height, width], [out, in] or [out]. */
  shape: number[];
  /**
   * The same shape as [out, channels, height, width], so that one rule reorders all weights. A dense layer after
   * the flattening needs it: PyTorch flattens [channels, height, width], TensorFlow [height, width, channels].
   */
  axes: number[];
  /** TensorFlow's shape: [height, width, in, out], [in, out] or [out]. */
  ourShape: number[];
}

/**
 * PyTorch's names of the layers. The article's class has two `nn.Sequential`: `features` up to the flattening and
 * `classifier` after it. The number counts the modules inside. A ReLU is a module too.
 */
function moduleKeys(layers: readonly LayerSpec[]): string[] {
  let [sequential, index] = ['features', 0];
  return layers.map((layer) => {
    const key = `${sequential}.${index}`;
    if (layer.kind === 'flatten') [sequential, index] = ['classifier', 0];
    else index += layer.kind === 'conv' || (layer.kind === 'dense' && layer.relu) ? 2 : 1;
    return key;
  });
}

/** The state_dict of a network, in PyTorch's order. */
export function parameters(layers: readonly LayerSpec[], dimensions: Dimensions): Parameter[] {
  const rows = layerTable(layers, dimensions);
  const keys = moduleKeys(layers);
  // [height, width, channels] of the layer's input, as if it were not flattened.
  let input = [dimensions.inputSize, dimensions.inputSize, dimensions.channels];
  return layers.flatMap((layer, i) => {
    const [height, width, channels] = input;
    const { outputShape } = rows[i];
    const out = outputShape[outputShape.length - 1];
    if (outputShape.length === 3) input = outputShape;
    if (layer.kind === 'dense') input = [1, 1, out];
    if (layer.kind !== 'conv' && layer.kind !== 'dense') return [];
    const isConv = layer.kind === 'conv';
    const kernel = isConv ? [layer.kernel, layer.kernel] : [height, width];
    const axes = [out, channels, ...kernel];
    const shape = isConv ? axes : [out, product(axes.slice(1))];
    const ourShape = isConv ? [...kernel, channels, out] : [shape[1], out];
    const bias = { shape: [out], axes: [out, 1, 1, 1], ourShape: [out] };
    return [
      { key: `${keys[i]}.weight`, weight: `${layer.name}/kernel`, shape, axes, ourShape },
      { key: `${keys[i]}.bias`, weight: `${layer.name}/bias`, ...bias },
    ];
  });
}

/** The article's input size. */
const DEFAULT_SIZE = 227;
const LARGEST_SIZE = 1024;

/**
 * The dimensions of the network to which the weights belong. Channels and classes are sizes of the first and the
 * last layer. The input size only follows roughly, from the number of features after the flattening: 223 to 254
 * pixels all give 9,216. In order of preference it is `inputSize`, the note in our own files, the article's 227 if
 * possible, and the smallest possible size. Throws InputError if `inputSize` does not fit the features.
 */
export function inferDimensions(
  layers: readonly LayerSpec[],
  dict: StateDict,
  inputSize = dict.inputSize,
): Dimensions {
  const keys = moduleKeys(layers);
  const sizeIn = (isWanted: (layer: LayerSpec) => boolean, axis: number) =>
    // A size of 0 or a missing axis is refused later, by `compareShapes`.
    dict.tensors.get(`${keys[layers.findIndex(isWanted)]}.weight`)?.shape[axis] || undefined;
  const channels = sizeIn(({ kind }) => kind === 'conv', 1) ?? 1;
  const classes = sizeIn((layer) => layer.kind === 'dense' && layer.units === 0, 0) ?? 10;
  const features = sizeIn(({ kind }) => kind === 'dense', 1);
  const beforeDense = layers.slice(0, layers.findIndex(({ kind }) => kind === 'flatten') + 1);
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
  const inferred = sizes.includes(DEFAULT_SIZE) ? DEFAULT_SIZE : sizes[0];
  return { inputSize: inputSize ?? inferred ?? DEFAULT_SIZE, channels, classes };
}

/** The first of NETWORKS that `fits`, or the article's, whose misfits an error can name. */
export function networkFor(fits: (layers: readonly LayerSpec[]) => boolean): readonly LayerSpec[] {
  const found = Object.values(NETWORKS).find(({ layers }) => {
    try {
      return fits(layers);
    } catch {
      return false; // its input is too small
    }
  });
  return found?.layers ?? NETWORKS.alexnet.layers;
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
