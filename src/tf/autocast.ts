/**
 * Mixed precision beneath tfjs: PyTorch's autocast for any tfjs model.
 *
 * Inside `autocast('bfloat16', …)` convolutions and matrix products run in bfloat16, forward and in both
 * gradients. What lies between them (ReLU, pooling, bias, dropout) stays in bfloat16. Everything else runs in
 * float32: loss, softmax, optimizer, and all ops outside.
 *
 * tfjs knows nothing of this. Every op of tfjs-node goes through the backend's two execute methods. Ours decide
 * the type of each op and pass it the handles in that type (`entries.ts`).
 */
import { entryOf, followingType, highHandle, lowHandle, output } from './entries';
import {
  biasGradient,
  deferredShape,
  PendingConvolution,
  reluOnBits,
  reshape,
  rowTimesMatrix,
} from './fusion';
import type { tf } from './load';
import {
  backend,
  castHandle,
  DType,
  free,
  type Handle,
  type OpAttribute,
  withType,
} from './native';
import { fastestOp, hasOneDnn, isThin } from './onednn';
import { isTrusted } from './trust';
import type { Precision } from './tuning';

/** The ops that are faster in low precision, and which of their inputs are floats. */
const LOWERED: Record<string, number[]> = {
  Conv2D: [0, 1],
  Conv2DBackpropFilter: [0, 2],
  Conv2DBackpropInput: [1, 2],
  BatchMatMulV2: [0, 1],
};

/** The ops that run in low precision if their first float input was computed in it. */
const FOLLOWING: Record<string, number[]> = {
  Add: [0, 1],
  Mul: [0, 1],
  Relu: [0],
  ReluGrad: [0, 1],
  BiasAddGrad: [0],
  MaxPool: [0],
  MaxPoolGrad: [0, 1, 2],
  _MklNativeMaxPool: [0],
  _MklNativeMaxPoolGrad: [0, 1, 2],
  PadV2: [0, 2],
  Reshape: [0],
  Transpose: [0],
};

/** Runs `body`, which must not be async, with convolutions and matrix products in `precision`. */
export function autocast<T>(precision: Precision, body: () => T): T {
  const { tuning } = backend();
  const outer = tuning.low;
  tuning.low = precision === 'float32' ? undefined : DType[precision];
  try {
    return body();
  } finally {
    tuning.low = outer;
  }
}

/** Replaces tfjs-node's two execute methods. Called once, when TensorFlow is loaded. */
export function installAutocast(): void {
  Object.assign(backend(), {
    executeSingleOutput: (name: string, attributes: OpAttribute[], inputs: tf.Tensor[]) =>
      execute(name, attributes, inputs, 1)[0],
    executeMultipleOutputs: execute,
  });
}

function execute(
  name: string,
  attributes: OpAttribute[],
  inputs: tf.Tensor[],
  outputs: number,
): tf.Tensor[] {
  const { low } = backend().tuning;
  if (name === 'Add') {
    const sum = addBias(inputs, low ?? DType.float32);
    if (sum) return [sum];
  }
  if (name === 'Reshape' && low !== undefined) {
    const matrix = reshapedMatrix(attributes, inputs, low);
    if (matrix) return [matrix];
  }
  const floats = low === undefined ? undefined : floatInputs(name, inputs);
  return floats
    ? executeLow(name, attributes, inputs, outputs, floats, low!)
    : executeHigh(name, attributes, inputs, outputs);
}

function executeHigh(
  name: string,
  attributes: OpAttribute[],
  inputs: tf.Tensor[],
  outputs: number,
): tf.Tensor[] {
  if (name === 'BatchMatMulV2' && isRowTimesMatrix(attributes, inputs)) {
    return [multiplyRow(attributes, inputs)];
  }
  const deferred = name === 'Conv2D' ? defer(attributes, inputs, DType.float32) : undefined;
  if (deferred) return [deferred];
  const fastest = fastestOp(name, attributes, isThin(name, shapesOf(inputs)));
  return run(...fastest, inputs.map(highHandle), outputs);
}

/** @param floats the indices of the inputs to pass in low precision */
function executeLow(
  name: string,
  attributes: OpAttribute[],
  inputs: tf.Tensor[],
  outputs: number,
  floats: number[],
  lowType: number,
): tf.Tensor[] {
  const { binding, isUsingGpuDevice } = backend();
  const thin = isThin(name, shapesOf(inputs));
  const isHigh =
    (thin && !isUsingGpuDevice) ||
    (name in LOWERED && !isTrusted(name, attributes, inputs, floats, lowType));
  if (isHigh) {
    // The op runs in float32, but what follows continues in low precision.
    const fastest = fastestOp(name, attributes, thin);
    const [high] = binding.executeOp(...fastest, inputs.map(highHandle), 1);
    const id = castHandle(high.id, DType.float32, lowType);
    free(high.id);
    return [output(id, high.shape, lowType)];
  }
  const lowered = withType(attributes, lowType);
  const deferred = name === 'Conv2D' ? defer(lowered, inputs, lowType) : undefined;
  if (deferred) return [deferred];
  const given = inputs.map((input, i) =>
    floats.includes(i) ? lowHandle(input, lowType) : highHandle(input),
  );
  if (!isUsingGpuDevice) {
    const { shape } = inputs[0];
    if (name === 'Relu' || name === 'ReluGrad') {
      return [output(reluOnBits(name, lowType, given), shape, lowType)];
    }
    if (name === 'BiasAddGrad') {
      return [output(biasGradient(given[0], shape, lowType), shape.slice(-1), lowType)];
    }
  }
  return run(...fastestOp(name, lowered, thin), given, outputs);
}

/** Which inputs go in low precision, or undefined if the op runs in float32. */
function floatInputs(name: string, inputs: tf.Tensor[]): number[] | undefined {
  const floats = LOWERED[name] ?? FOLLOWING[name];
  if (!floats || floats.some((index) => inputs[index].dtype !== 'float32')) return undefined;
  const isLow = name in LOWERED || followingType(inputs[floats[0]]) !== DType.float32;
  return isLow ? floats : undefined;
}

function run(
  name: string,
  attributes: OpAttribute[],
  given: Handle[],
  outputs: number,
): tf.Tensor[] {
  return backend()
    .binding.executeOp(name, attributes, given, outputs)
    .map((metadata) => backend().createOutputTensor(metadata));
}

function shapesOf(tensors: tf.Tensor[]): number[][] {
  return tensors.map(({ shape }) => shape);
}

/**
 * For a matrix product tfjs reshapes a matrix [k, n] to [1, k, n], and disposes that tensor afterwards. A copy
 * in low precision made from it would be lost and made again for the next product. So the matrix itself makes
 * and keeps the copy.
 */
function reshapedMatrix(
  attributes: OpAttribute[],
  [x, shape]: tf.Tensor[],
  lowType: number,
): tf.Tensor | undefined {
  const to = [...shape.dataSync()];
  const isMatrix = x.rank === 2 && x.dtype === 'float32' && to.length === 3 && to[0] === 1;
  if (!isMatrix || to[1] !== x.shape[0] || entryOf(x).bornLow) return undefined;
  const [tensor] = run('Reshape', attributes, [x, shape].map(highHandle), 1);
  const low = reshape(lowHandle(x, lowType), to, lowType);
  Object.assign(entryOf(tensor), { low, lowType });
  return tensor;
}

function isRowTimesMatrix(attributes: OpAttribute[], [a, b]: tf.Tensor[]): boolean {
  const isTransposed = attributes.some(({ name, value }) => name === 'adj_x' && value);
  const isRow = a.rank === 3 && a.shape[0] === 1 && a.shape[1] === 1;
  return isRow && b.rank === 3 && b.shape[0] === 1 && !isTransposed && a.dtype === 'float32';
}

function multiplyRow(attributes: OpAttribute[], [a, b]: tf.Tensor[]): tf.Tensor {
  const transposed = attributes.some(({ name, value }) => name === 'adj_y' && Boolean(value));
  const product = rowTimesMatrix(highHandle(a), highHandle(b), b.shape, transposed);
  return output(product, [1, 1, b.shape[transposed ? 1 : 2]!], DType.float32);
}

/** A convolution that waits for its bias, see `fusion.ts`; undefined if it cannot wait. */
function defer(
  attributes: OpAttribute[],
  inputs: tf.Tensor[],
  dtype: number,
): tf.Tensor | undefined {
  const shape = deferredShape(attributes, inputs[0].shape, inputs[1].shape);
  if (!shape || inputs.some((input) => input.dtype !== 'float32') || !hasOneDnn(dtype)) {
    return undefined;
  }
  const isLow = dtype !== DType.float32;
  const given = inputs.map((input) => (isLow ? lowHandle(input, dtype) : highHandle(input)));
  const tensor = output(-1, shape, DType.float32);
  Object.assign(entryOf(tensor), {
    pending: new PendingConvolution(attributes, given, dtype),
    bornLow: isLow,
    lowType: isLow ? dtype : undefined,
  });
  return tensor;
}

/** The sum of a pending convolution and a bias, in one op; undefined for other sums. */
function addBias([a, b]: tf.Tensor[], dtype: number): tf.Tensor | undefined {
  const { pending } = entryOf(a);
  const isBias = b.rank === 1 && b.shape[0] === a.shape[3] && b.dtype === 'float32';
  if (pending?.dtype !== dtype || !isBias) return undefined;
  const bias = dtype === DType.float32 ? highHandle(b) : lowHandle(b, dtype);
  return output(pending.runWithBias(bias), a.shape, dtype);
}
