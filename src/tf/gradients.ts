/**
 * Gradients by ops that TensorFlow has and tfjs does not use.
 *
 * tfjs needs six ops for ReLU's gradient, sums a bias's gradient with a general reduction, and uses TensorFlow's
 * generic gradient of max-pooling, which is ten times slower than oneDNN's.
 */
import { followingType } from './entries';
import { tf } from './load';
import { attribute, backend, DType, type OpAttribute, runTensorOp } from './native';
import { hasOneDnn } from './onednn';

const FLOAT = attribute.type('T', DType.float32);

/** Replaces tfjs's gradients. Called once, when TensorFlow is loaded. */
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

/** Whether the gradient itself is being differentiated: tfjs's tape does not record ops run by name. */
function isDifferentiated(): boolean {
  return tf.engine().state.gradientDepth > 0;
}

function replaceGradient(config: tf.GradConfig): void {
  tf.unregisterGradient(config.kernelName);
  tf.registerGradient(config);
}

/**
 * Max-pooling by oneDNN, forward and gradient. The gradient needs the workspace that the forward pass fills. We
 * run that pass again for it: it is cheap, and keeping workspaces is not simple.
 */
function replaceMaxPooling(): void {
  replaceKernel('MaxPool', ({ x }, attrs) => {
    const [y, workspace] = oneDnnMaxPool(x, poolAttributes(x, attrs));
    workspace.dispose();
    return y;
  });
  replaceKernel('MaxPoolGrad', ({ dy, input, output }, attrs) => {
    const attributes = poolAttributes(input, attrs);
    const [again, workspace] = oneDnnMaxPool(input, attributes);
    const inputs = [input, output, dy, workspace];
    const gradient = runTensorOp('_MklNativeMaxPoolGrad', attributes, inputs);
    tf.dispose([again, workspace]);
    return gradient;
  });
}

function replaceKernel(
  kernelName: string,
  kernel: (inputs: Record<string, tf.Tensor>, attrs: PoolAttributes) => tf.Tensor,
): void {
  const original = tf.getKernel(kernelName, 'tensorflow').kernelFunc;
  tf.unregisterKernel(kernelName, 'tensorflow');
  tf.registerKernel({
    kernelName,
    backendName: 'tensorflow',
    kernelFunc: (params) => {
      const inputs = params.inputs as Record<string, tf.Tensor>;
      const isFloat = Object.values(inputs).every(({ dtype }) => dtype === 'float32');
      const pooled = inputs.x ?? inputs.input;
      if (!isFloat || !hasOneDnn(followingType(pooled))) return original(params);
      return kernel(inputs, params.attrs as unknown as PoolAttributes);
    },
  });
}

interface PoolAttributes {
  filterSize: number | [number, number];
  strides: number | [number, number];
  pad: 'same' | 'valid';
  dimRoundingMode?: 'floor' | 'round' | 'ceil';
}

function oneDnnMaxPool(x: tf.Tensor, attributes: OpAttribute[]): tf.Tensor[] {
  return backend().executeMultipleOutputs('_MklNativeMaxPool', attributes, [x], 2);
}

function poolAttributes(x: tf.Tensor, attrs: PoolAttributes): OpAttribute[] {
  const info = tf.backend_util.computePool2DInfo(
    x.shape as [number, number, number, number],
    attrs.filterSize,
    attrs.strides,
    1,
    attrs.pad,
    attrs.dimRoundingMode,
  );
  if (info.padInfo.type !== 'VALID' && info.padInfo.type !== 'SAME') {
    throw new Error(`max-pooling pads 'valid' or 'same', not ${info.padInfo.type}`);
  }
  return [
    FLOAT,
    attribute.int('ksize', [1, info.filterHeight, info.filterWidth, 1]),
    attribute.int('strides', [1, info.strideHeight, info.strideWidth, 1]),
    attribute.string('padding', info.padInfo.type),
    attribute.string('data_format', 'NHWC'),
    attribute.bool('workspace_enabled', true),
    attribute.string('_kernel', 'MklNameChangeOp'),
  ];
}
