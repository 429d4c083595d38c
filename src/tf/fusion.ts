/** Ops that run faster than TensorFlow's op of the same name, on CPUs. */
import {
  attribute,
  castHandle,
  DType,
  free,
  type Handle,
  listHandle,
  type OpAttribute,
  type Pending,
  runOp,
  scalarHandle,
} from './native';
import { fastestOp, oneDnnAttributes } from './onednn';

/**
 * A convolution that has not run yet. tfjs's layers convolve and then add a bias. oneDNN does both in one pass,
 * so a convolution waits to see whether a bias follows. `run` gives its plain result.
 */
export class PendingConvolution implements Pending {
  private readonly inputs: Handle[];

  /** The inputs remain the caller's, who may free them at once. `attributes` are for the type `dtype`. */
  constructor(
    private readonly attributes: OpAttribute[],
    inputs: Handle[],
    readonly dtype: number,
  ) {
    const type = [attribute.type('T', dtype)];
    this.inputs = inputs.map((handle) => runOp('Identity', type, [handle])[0]); // shares the memory
  }

  run(): Handle {
    return runOp(...fastestOp('Conv2D', this.attributes), this.inputs)[0];
  }

  runWithBias(bias: Handle): Handle {
    const attributes = oneDnnAttributes(this.attributes);
    return runOp('_MklNativeConv2DWithBias', attributes, [...this.inputs, bias])[0];
  }

  release(): void {
    free(...this.inputs);
  }
}

/** The output shape [batch, height, width, channels] of a convolution that may wait; undefined for others. */
export function deferredShape(
  attributes: OpAttribute[],
  x: number[],
  filter: number[],
): number[] | undefined {
  const value = (name: string) => attributes.find((each) => each.name === name)?.value;
  const [padding, strides, dilations] = ['padding', 'strides', 'dilations'].map(value);
  const isPlain =
    value('data_format') === 'NHWC' &&
    (padding === 'SAME' || padding === 'VALID') &&
    Array.isArray(strides) &&
    Array.isArray(dilations) &&
    dilations.every((dilation) => dilation === 1);
  if (!isPlain || x[3] !== filter[2]) return undefined;
  const positions = (axis: number, kernel: number) =>
    Math.ceil((padding === 'SAME' ? x[axis] : x[axis] - kernel + 1) / (strides as number[])[axis]);
  return [x[0], positions(1, filter[0]), positions(2, filter[1]), filter[3]];
}

/**
 * ReLU or its gradient in a 16-bit float type, on the bits as integers: both types keep the sign in the top
 * bit, so a float is positive if its bits are. TensorFlow's own op converts each element to float32 and takes
 * two to four times as long.
 */
export function reluOnBits(name: string, dtype: number, inputs: Handle[]): Handle {
  const bits = inputs.map((handle) => bitcast(handle, dtype, DType.int16));
  const [result] = runOp(name, [attribute.type('T', DType.int16)], bits);
  const floats = bitcast(result, DType.int16, dtype);
  free(...bits, result);
  return floats;
}

function bitcast(handle: Handle, from: number, to: number): Handle {
  return runOp('Bitcast', [attribute.type('T', from), attribute.type('type', to)], [handle])[0];
}

/** The sum over all axes of `shape` but the last, in a 16-bit float type. A product with ones sums in float32. */
export function biasGradient(dy: Handle, shape: number[], dtype: number): Handle {
  const channels = shape[shape.length - 1];
  const rows = shape.slice(0, -1).reduce((a, b) => a * b, 1);
  const flat = reshape(dy, [rows, channels], dtype);
  const fill = [listHandle([1, rows]), scalarHandle(1)];
  const types = [attribute.type('T', DType.float32), attribute.type('index_type', DType.int32)];
  const [high] = runOp('Fill', types, fill);
  const ones = castHandle(high, DType.float32, dtype);
  const [sum] = runOp(...fastestOp('MatMul', productAttributes(dtype)), [ones, flat]);
  const gradient = reshape(sum, [channels], dtype);
  free(flat, ...fill, high, ones, sum);
  return gradient;
}

/** A row [1, 1, k] times a matrix [1, k, n]. TensorFlow's two-dimensional product is twice as fast. */
export function rowTimesMatrix(
  row: Handle,
  matrix: Handle,
  shape: number[],
  transposed: boolean,
): Handle {
  const [, height, width] = shape;
  const [inner, outer] = transposed ? [width, height] : [height, width];
  const flat = [
    reshape(row, [1, inner], DType.float32),
    reshape(matrix, [height, width], DType.float32),
  ];
  const [product] = runOp('MatMul', productAttributes(DType.float32, transposed), flat);
  const result = reshape(product, [1, 1, outer], DType.float32);
  free(...flat, product);
  return result;
}

function productAttributes(dtype: number, transposed = false): OpAttribute[] {
  return [
    attribute.type('T', dtype),
    attribute.bool('transpose_a', false),
    attribute.bool('transpose_b', transposed),
  ];
}

export function reshape(handle: Handle, shape: number[], dtype: number): Handle {
  const size = listHandle(shape);
  const attributes = [attribute.type('T', dtype), attribute.type('Tshape', DType.int32)];
  const [result] = runOp('Reshape', attributes, [handle, size]);
  free(size);
  return result;
}
