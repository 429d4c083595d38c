/** Faster ways to compute some of tfjs's ops. The results are the same up to rounding. */
import { entryOf, handleAs, handleOf, runRaw, tensorOf } from './entries';
import { tf } from './load';
import {
  attribute,
  backend,
  DType,
  free,
  type Handle,
  type OpAttribute,
  type Pending,
  runOp,
  withType,
} from './native';
import { fastestOp, hasOneDnn, oneDnnAttributes } from './onednn';

/** The result of an op in `dtype` by a faster way, or undefined if there is none. */
export function fasterResult(
  name: string,
  attributes: OpAttribute[],
  inputs: tf.Tensor[],
  dtype: number,
): tf.Tensor | undefined {
  if (name === 'Conv2D') return deferConvolution(attributes, inputs, dtype);
  if (name === 'Add') return addBias(inputs, dtype);
  if (name === 'Reshape') return reshapeMatrix(attributes, inputs);
  if (backend().isUsingGpuDevice) return undefined;
  if (name === 'BatchMatMulV2') return rowTimesMatrix(attributes, inputs);
  if (dtype === DType.float32) return undefined;
  if (name === 'Relu' || name === 'ReluGrad') return reluOnBits(name, inputs, dtype);
  return name === 'BiasAddGrad' ? biasGradient(inputs[0], dtype) : undefined;
}

/**
 * A convolution that has not run yet. tfjs's layers convolve and then add a bias. oneDNN does both in one pass,
 * so a convolution waits until its result is needed or a bias is added to it. (It could apply ReLU too, but its ReLU
 * turns NaN into 0, and a training that diverged would go on unnoticed.)
 */
function deferConvolution(
  attributes: OpAttribute[],
  inputs: tf.Tensor[],
  dtype: number,
): tf.Tensor | undefined {
  const values = Object.fromEntries(attributes.map(({ name, value }) => [name, value]));
  const { padding, strides, dilations } = values as Record<string, string | number[]>;
  if (padding === 'EXPLICIT' || values.data_format !== 'NHWC' || !hasOneDnn(dtype))
    return undefined;
  const { outShape } = tf.backend_util.computeConv2DInfo(
    inputs[0].shape as [number, number, number, number],
    inputs[1].shape as [number, number, number, number],
    strides.slice(1, 3) as [number, number],
    dilations.slice(1, 3) as [number, number],
    padding === 'SAME' ? 'same' : 'valid',
  );
  const tensor = tensorOf(-1, outShape, DType.float32);
  entryOf(tensor).pending = pendingConvolution(
    attributes,
    inputs.map((input) => handleAs(input, dtype)),
    dtype,
  );
  if (dtype !== DType.float32) Object.assign(entryOf(tensor), { bornLow: true, lowType: dtype });
  return tensor;
}

function pendingConvolution(attributes: OpAttribute[], inputs: Handle[], dtype: number): Pending {
  // The tensors may be disposed or changed before the convolution runs. These handles share their memory.
  const type = [attribute.type('T', dtype)];
  const kept = inputs.map((handle) => runOp('Identity', type, [handle])[0]);
  return {
    dtype,
    run(bias) {
      const [result] =
        bias === undefined
          ? runOp(...fastestOp('Conv2D', attributes), kept)
          : runOp('_MklNativeConv2DWithBias', oneDnnAttributes(attributes), [...kept, bias]);
      return result;
    },
    release: () => free(...kept),
  };
}

/** A pending convolution plus a bias, in one op. */
function addBias([a, b]: tf.Tensor[], dtype: number): tf.Tensor | undefined {
  const { pending } = entryOf(a);
  const isBias = b.rank === 1 && b.shape[0] === a.shape[3] && b.dtype === 'float32';
  if (pending?.dtype !== dtype || !isBias) return undefined;
  return tensorOf(pending.run(handleAs(b, dtype)), a.shape, dtype);
}

/**
 * For a matrix product, tfjs reshapes a matrix [k, n] to [1, k, n] and disposes that tensor afterwards. Its copy in
 * low precision would be lost, and made again for the next product. So the matrix itself makes and keeps the copy.
 */
function reshapeMatrix(attributes: OpAttribute[], [x, shape]: tf.Tensor[]): tf.Tensor | undefined {
  const { low = DType.float32 } = backend().tuning;
  const isMatrix = x.rank === 2 && x.dtype === 'float32' && !entryOf(x).bornLow;
  if (low === DType.float32 || !isMatrix || `${shape.dataSync()}` !== `1,${x.shape}`) {
    return undefined;
  }
  const [tensor] = runRaw('Reshape', attributes, [x, shape].map(handleOf));
  const inputs = [handleAs(x, low), handleOf(shape)];
  entryOf(tensor).low = runOp('Reshape', withType(attributes, low), inputs)[0];
  entryOf(tensor).lowType = low;
  return tensor;
}

/**
 * A row [1, 1, k] times a matrix [1, k, n], always in float32: the time goes into reading the matrix, and oneDNN
 * reads a bfloat16 one more slowly. TensorFlow's two-dimensional product is twice as fast as the batched one.
 */
function rowTimesMatrix(attributes: OpAttribute[], [a, b]: tf.Tensor[]): tf.Tensor | undefined {
  const [isTransposed, transposed] = ['adj_x', 'adj_y'].map((name) =>
    attributes.some((each) => each.name === name && Boolean(each.value)),
  );
  const isRow = a.rank === 3 && a.shape[0] === 1 && a.shape[1] === 1 && !isTransposed;
  if (!isRow || b.rank !== 3 || b.shape[0] !== 1 || a.dtype !== 'float32') return undefined;
  const squeeze = [attribute.type('T', DType.float32), attribute.int('squeeze_dims', [0])];
  const matrices = [a, b].map((x) => runOp('Squeeze', squeeze, [handleOf(x)])[0]);
  const [row] = runOp('MatMul', productAttributes(DType.float32, transposed), matrices);
  free(...matrices);
  return tensorOf(row, [1, 1, b.shape[transposed ? 1 : 2]!], DType.float32);
}

/**
 * ReLU or its gradient in a 16-bit float type, on the bits as integers: both types keep the sign in the top
 * bit, so a float is positive if its bits are. TensorFlow's own op converts each element to float32 and takes
 * two to four times as long.
 */
function reluOnBits(name: string, inputs: tf.Tensor[], dtype: number): tf.Tensor {
  const bits = inputs.map((x) => bitcast(handleAs(x, dtype), dtype, DType.int16));
  const [result] = runOp(name, [attribute.type('T', DType.int16)], bits);
  const floats = bitcast(result, DType.int16, dtype);
  free(...bits, result);
  return tensorOf(floats, inputs[0].shape, dtype);
}

function bitcast(handle: Handle, from: number, to: number): Handle {
  return runOp('Bitcast', [attribute.type('T', from), attribute.type('type', to)], [handle])[0];
}

/** The sum over all axes but the last, in a 16-bit float type. A product with ones sums in float32. */
function biasGradient(dy: tf.Tensor, dtype: number): tf.Tensor {
  return tf.tidy(() => {
    const channels = dy.shape[dy.rank - 1];
    const rows = dy.reshape([-1, channels]);
    const handles = [tf.fill([1, rows.shape[0]], 1), rows].map((x) => handleAs(x, dtype));
    const [sum] = runRaw(...fastestOp('MatMul', productAttributes(dtype)), handles);
    return sum.reshape([channels]);
  });
}

function productAttributes(dtype: number, transposed = false): OpAttribute[] {
  return [
    attribute.type('T', dtype),
    attribute.bool('transpose_a', false),
    attribute.bool('transpose_b', transposed),
  ];
}
