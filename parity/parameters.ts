/** A model's parameters as PyTorch names and lays them out, written out here and not taken from src/. */
import { createHash } from 'node:crypto';
import { ALEXNET, type LayerSpec, trainableVariables } from '../src/model/index';
import { tf } from '../src/tf/index';
import { seedValues } from './golden';

/** The article's modules that have parameters, in the order of our layers. */
const MODULES = [
  'features.0',
  'features.3',
  'features.6',
  'features.8',
  'features.10',
  'classifier.1',
  'classifier.4',
  'classifier.6',
];

export interface Parameter {
  /** `features.0.weight` */
  name: string;
  variable: tf.Variable;
  /** [height, width, in, out], a dense layer's too; of a bias [out]. */
  shape: number[];
  fanIn: number;
}

/** In PyTorch's order, which is ours too. */
export function parametersOf(model: tf.LayersModel): Parameter[] {
  const [height, width, channels] = (model.getLayer('flatten').input as tf.SymbolicTensor).shape
    .slice(1)
    .map(Number);
  const variables = trainableVariables(model);
  let afterFlatten = true;
  return MODULES.flatMap((module, i) => {
    const [kernel, bias] = variables.slice(2 * i, 2 * i + 2);
    let shape = kernel.shape;
    if (kernel.rank === 2) {
      // A dense layer is a convolution over all of its input.
      const [inputs, outputs] = kernel.shape;
      shape = afterFlatten ? [height, width, channels, outputs] : [1, 1, inputs, outputs];
      afterFlatten = false;
    }
    const fanIn = kernel.size / bias.size;
    return [
      { name: `${module}.weight`, variable: kernel, shape, fanIn },
      { name: `${module}.bias`, variable: bias, shape: bias.shape, fanIn },
    ];
  });
}

/** The values of a parameter, or of its gradient, in PyTorch's order: [out, in, height, width]. */
export function torchValues({ shape }: Parameter, tensor: tf.Tensor): Float32Array {
  return valuesOf(() => {
    const image = tensor.reshape(shape);
    return shape.length === 4 ? image.transpose([3, 2, 0, 1]) : image;
  });
}

/** The values of what `f` returns. (`tidy` looks through all it returns for tensors, an array's numbers too.) */
export function valuesOf(f: () => tf.Tensor): Float32Array {
  const tensor = tf.tidy(f);
  const values = tensor.dataSync() as Float32Array;
  tensor.dispose();
  return values;
}

/**
 * Gives a model the weights of the formula: kernels uniform in ±√6/√fan_in, biases in ±1/√fan_in.
 * Returns their SHA-256 in PyTorch's order, by name.
 */
export function setSeedWeights(model: tf.LayersModel): Record<string, string> {
  const hashes: Record<string, string> = {};
  parametersOf(model).forEach(({ name, variable, shape, fanIn }, stream) => {
    const gain = shape.length === 4 ? Math.sqrt(6) : 1;
    const values = seedValues(variable.size, gain / Math.sqrt(fanIn), stream);
    hashes[name] = createHash('sha256').update(values).digest('hex');
    tf.tidy(() => {
      if (shape.length === 1) return variable.assign(tf.tensor1d(values));
      const [height, width, inputs, outputs] = shape;
      const kernel = tf.tensor4d(values, [outputs, inputs, height, width]).transpose([2, 3, 1, 0]);
      return variable.assign(kernel.reshape(variable.shape));
    });
  });
  return hashes;
}

/** The article's layers at other widths: five convolutions and the dense layers' units. */
export function layersOfWidths(widths: number[]): LayerSpec[] {
  const filters = widths.slice(0, -1);
  const units = widths[widths.length - 1];
  return ALEXNET.map((layer) => {
    if (layer.kind === 'conv') return { ...layer, filters: filters.shift()! };
    if (layer.kind === 'dense') return { ...layer, units: layer.units && units };
    return layer;
  });
}
