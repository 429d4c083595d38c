/**
 * Faster gradients for ReLU, bias and max-pooling, by ops that TensorFlow has and tfjs does not use.
 *
 * tfjs needs six ops for ReLU's gradient, sums a bias's gradient with a general reduction, and uses TensorFlow's
 * generic gradient of max-pooling, which is ten times slower than oneDNN's. The backward pass of `train/step.ts`
 * uses these through tfjs's registry.
 */
import { followingType } from './entries';
import { tf } from './load';
import { attribute, backend, DType, type OpAttribute, runTensorOp } from './native';
import { hasOneDnn } from './onednn';

const FLOAT = attribute.type('T', DType.float32);

/** Replaces tfjs's gradients. Called once, after TensorFlow has loaded. */
export function installGradients(): void {
  replaceGradient({
    kernelName: 'Relu',
    outputsToSave: [true],
    gradFunc: (dy, [y]) => ({
      x: () => {
        const gradient = dy as tf.Tensor;
        return isDifferentiated()
          ? gradient.mul(tf.step(y))
          : runTensorOp('ReluGrad', [FLOAT], [gradient, y]);
      },
    }),
  });
  const add = tf.getGradient('Add');
  replaceGradient({
    ...add,
    gradFunc: (dy, saved, attrs) => {
      const [a, b] = saved;
      const isBias = b.rank === 1 && a.rank > 1 && a.shape[a.rank - 1] === b.shape[0];
      if (!isBias || isDifferentiated() || a.dtype !== 'float32' || b.dtype !== 'float32') {
        return add.gradFunc(dy, saved, attrs);
      }
      const format = attribute.string('data_format', 'NHWC');
      return {
        a: () => (dy as tf.Tensor).clone(),
        b: () => runTensorOp('BiasAddGrad', [FLOAT, format], [dy as tf.Tensor]),
      };
    },
  });
  if (hasOneDnn(DType.float32)) replaceMaxPooling();
}

/** Whether the gradient itself is being differentiated. tfjs cannot differentiate ops that are run by name. */
function isDifferentiated(): boolean {
  return tf.engine().state.gradientDepth > 0;
}

function replaceGradient(config: tf.GradConfig): void {
  tf.unregisterGradient(config.kernelName);
  tf.registerGradient(config);
}

/**
 * Max-pooling by oneDNN, forward and gradient. The gradient needs a workspace that the forward pass fills.
 * Keeping it until then is complicated, so the gradient runs the forward pass again, which is cheap.
 */
function replaceMaxPooling(): void {
  replacePooling('MaxPool', ({ x }, attributes) => {
    const [y, workspace] = maxPool(x, attributes);
    workspace.dispose();
    return y;
  });
  replacePooling('MaxPoolGrad', ({ dy, input, output }, attributes) => {
    const [again, workspace] = maxPool(input, attributes);
    const inputs = [input, output, dy, workspace];
    const gradient = runTensorOp('_MklNativeMaxPoolGrad', attributes, inputs);
    tf.dispose([again, workspace]);
    return gradient;
  });
}

function maxPool(x: tf.Tensor, attributes: OpAttribute[]): tf.Tensor[] {
  return backend().executeMultipleOutputs('_MklNativeMaxPool', attributes, [x], 2);
}

function replacePooling(
  kernelName: string,
  kernel: (inputs: tf.NamedTensorMap, attributes: OpAttribute[]) => tf.Tensor,
): void {
  const original = tf.getKernel(kernelName, 'tensorflow').kernelFunc;
  tf.unregisterKernel(kernelName, 'tensorflow');
  tf.registerKernel({
    kernelName,
    backendName: 'tensorflow',
    kernelFunc: (params) => {
      const inputs = params.inputs as tf.NamedTensorMap;
      const { filterSize, strides, pad } = params.attrs as unknown as tf.MaxPoolAttrs;
      const x = inputs.x ?? inputs.input;
      if (x.dtype !== 'float32' || typeof pad !== 'string' || !hasOneDnn(followingType(x))) {
        return original(params);
      }
      return kernel(inputs, [
        FLOAT,
        attribute.int('ksize', windowOf(filterSize)),
        attribute.int('strides', windowOf(strides)),
        attribute.string('padding', pad.toUpperCase()),
        attribute.string('data_format', 'NHWC'),
        attribute.bool('workspace_enabled', true),
        attribute.string('_kernel', 'MklNameChangeOp'),
      ]);
    },
  });
}

/** [1, height, width, 1] */
function windowOf(size: number | [number, number]): number[] {
  const [height, width] = Array.isArray(size) ? size : [size, size];
  return [1, height, width, 1];
}
