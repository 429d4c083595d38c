/** A model's parameters with PyTorch's names and layout. Independent of src/pytorch, to check it. */
import type { Batch } from '../src/data/index';
import { ALEXNET, type LayerSpec, namedWeights, trainableVariables } from '../src/model/index';
import { tf } from '../src/tf/index';
import { crossEntropySum } from '../src/train/index';
import { seedValues } from './fingerprint';

export interface Parameter {
  /** `features.0.weight` */
  name: string;
  variable: tf.Variable;
  /** [height, width, in, out], also for dense layers; [out] for a bias. */
  shape: number[];
  fanIn: number;
}

/** In PyTorch's order: that of the table of layers. */
export function parametersOf(model: tf.LayersModel, layers = ALEXNET): Parameter[] {
  const variables = new Map(namedWeights(model).map(({ name, variable }) => [name, variable]));
  const isSequence = layers.every(({ kind }) => kind !== 'add');
  let flattened: number[] | undefined;
  let [sequential, index, fanIn] = ['features', 0, 0];
  return layers.flatMap((layer): Parameter[] => {
    const module = isSequence ? `${sequential}.${index}` : layer.name;
    index++;
    // A ReLU is a module too. It has the next number.
    if ('relu' in layer ? layer.relu : layer.kind === 'conv') index++;
    if (layer.kind === 'flatten') {
      const { shape } = model.getLayer(layer.name).input as tf.SymbolicTensor;
      flattened = shape.slice(1).map(Number);
      [sequential, index] = ['classifier', 0];
    }
    return ['kernel', 'gamma', 'bias', 'beta'].flatMap((ours): Parameter[] => {
      const variable = variables.get(`${layer.name}/${ours}`);
      if (!variable) return [];
      let { shape } = variable;
      if (shape.length === 2) {
        // A dense layer is a convolution over its whole input.
        shape = [...(flattened ?? [1, 1, shape[0]]), shape[1]];
        flattened = undefined;
      }
      if (shape.length === 4) fanIn = shape[0] * shape[1] * shape[2];
      const theirs = ours === 'kernel' || ours === 'gamma' ? 'weight' : 'bias';
      return [{ name: `${module}.${theirs}`, variable, shape, fanIn }];
    });
  });
}

/** A parameter's value or gradient in PyTorch's order: [out, in, height, width]. */
function torchOrder({ shape }: Parameter, tensor: tf.Tensor): tf.Tensor {
  const image = tensor.reshape(shape);
  return shape.length === 4 ? image.transpose([3, 2, 0, 1]) : image;
}

export function torchValues(parameter: Parameter, tensor: tf.Tensor): Float32Array {
  return valuesOf(() => torchOrder(parameter, tensor));
}

/** The value or gradient of all parameters in one list. */
export function allTorchValues(
  parameters: Parameter[],
  choose: (variable: tf.Variable) => tf.Tensor,
): Float32Array {
  return valuesOf(() =>
    tf.concat(parameters.map((each) => torchOrder(each, choose(each.variable)).flatten())),
  );
}

/** The values of the tensor that `f` returns. (`tidy` itself would search the array of values for tensors.) */
export function valuesOf(f: () => tf.Tensor): Float32Array {
  const tensor = tf.tidy(f);
  const values = tensor.dataSync() as Float32Array;
  tensor.dispose();
  return values;
}

/** The mean loss of a batch, and its gradients: by tfjs, not by `trainStep`. */
export function meanLoss(model: tf.LayersModel, { images, labels, size }: Batch, training = true) {
  return tf.variableGrads(() => {
    const logits = model.apply(images, { training }) as tf.Tensor2D;
    return crossEntropySum(logits, labels).div<tf.Scalar>(size);
  }, trainableVariables(model));
}

/**
 * Sets a model's weights by formula: kernels uniform in ±√6/√fan_in, biases in ±1/√fan_in. Batch normalization's γ is
 * 1 more than a bias, its running means are in ±0.5, its variances in 0.5 to 1.5.
 */
export function setSeedWeights(model: tf.LayersModel, layers = ALEXNET): void {
  parametersOf(model, layers).forEach(({ variable, shape, fanIn }, stream) => {
    const gain = shape.length === 4 ? Math.sqrt(6) : 1;
    const values = seedValues(variable.size, gain / Math.sqrt(fanIn), stream);
    tf.tidy(() => {
      if (shape.length === 1) return variable.assign(tf.tensor1d(values));
      const [height, width, inputs, outputs] = shape;
      const kernel = tf.tensor4d(values, [outputs, inputs, height, width]).transpose([2, 3, 1, 0]);
      return variable.assign(kernel.reshape(variable.shape));
    });
  });
  batchNorms(layers).forEach((norm, i) => {
    const [gamma, beta, mean] = model.getLayer(norm).getWeights();
    const average = (stream: number) => tf.tensor1d(seedValues(mean.size, 0.5, stream + i));
    tf.tidy(() =>
      model.getLayer(norm).setWeights([gamma.add(1), beta, average(500), average(600).add(1)]),
    );
  });
}

/** The running means and variances, in PyTorch's order. */
export function runningAverages(model: tf.LayersModel, layers: readonly LayerSpec[]): tf.Tensor {
  return tf.concat(
    batchNorms(layers).flatMap((norm) => model.getLayer(norm).getWeights().slice(2)),
  );
}

function batchNorms(layers: readonly LayerSpec[]): string[] {
  return layers.filter(({ kind }) => kind === 'batchNorm').map(({ name }) => name);
}
