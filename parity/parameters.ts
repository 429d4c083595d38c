/** A model's parameters with PyTorch's names and layout. Independent of src/pytorch, to check it. */
import { createHash } from 'node:crypto';
import { trainableVariables } from '../src/model/index';
import { tf } from '../src/tf/index';
import { seedValues } from './fingerprint';

export interface Parameter {
  /** `features.0.weight` */
  name: string;
  variable: tf.Variable;
  /** [height, width, in, out], also for dense layers; [out] for a bias. */
  shape: number[];
  fanIn: number;
}

/** In PyTorch's order, which is also ours. */
export function parametersOf(model: tf.LayersModel): Parameter[] {
  const flattened = (model.getLayer('flatten').input as tf.SymbolicTensor).shape.slice(1);
  const variables = trainableVariables(model);
  let [sequential, index] = ['features', 0];
  let isFlat = false; // after the first dense layer
  return model.layers.flatMap((layer): Parameter[] => {
    const kind = layer.getClassName();
    if (kind === 'InputLayer' || kind === 'ZeroPadding2D') return [];
    const module = `${sequential}.${index}`;
    if (kind === 'Flatten') [sequential, index] = ['classifier', 0];
    // A ReLU is a module too. It has the next number.
    else index += kind === 'Conv2D' || kind === 'Dense' ? 2 : 1;
    if (layer.weights.length === 0) return [];
    const [kernel, bias] = variables.splice(0, 2);
    let shape = kernel.shape;
    if (kernel.rank === 2) {
      // A dense layer is a convolution over its whole input.
      const [inputs, outputs] = kernel.shape;
      shape = [...(isFlat ? [1, 1, inputs] : flattened.map(Number)), outputs];
      isFlat = true;
    }
    const fanIn = kernel.size / bias.size;
    return [
      { name: `${module}.weight`, variable: kernel, shape, fanIn },
      { name: `${module}.bias`, variable: bias, shape: bias.shape, fanIn },
    ];
  });
}

/** A parameter's value or gradient in PyTorch's order: [out, in, height, width]. */
export function torchOrder({ shape }: Parameter, tensor: tf.Tensor): tf.Tensor {
  const image = tensor.reshape(shape);
  return shape.length === 4 ? image.transpose([3, 2, 0, 1]) : image;
}

/** The values of the tensor that `f` returns. (`tidy` itself would search the array of values for tensors.) */
export function valuesOf(f: () => tf.Tensor): Float32Array {
  const tensor = tf.tidy(f);
  const values = tensor.dataSync() as Float32Array;
  tensor.dispose();
  return values;
}

/**
 * Sets a model's weights by formula: kernels uniform in ±√6/√fan_in, biases in ±1/√fan_in.
 * Returns the SHA-256 of each parameter in PyTorch's order, by name.
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
