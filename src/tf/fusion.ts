/**
 * Ops done better than by TensorFlow's op of the same name, on CPUs with oneDNN.
 */
import {
  attribute,
  backend,
  castHandle,
  DType,
  free,
  type Handle,
  type OpAttribute,
  runOp,
  scalarHandle,
} from './native';
import { fastestOp, oneDnnAttributes } from './onednn';

/**
 * A convolution that has not run yet. tfjs's layers convolve and then add a bias; oneDNN does both in one
 * pass, so a convolution waits to see whether a bias follows. Whoever wants its plain result runs it.
 */
export class PendingConvolution {
  private readonly inputs: Handle[];

  /** Holds on to the two inputs, whoever frees theirs. `attributes` are for the type `dtype`. */
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
    return runOp('_MklNativeConv2DWithBias', oneDnnAttributes(this.attributes), [
      ...this.inputs,
      bias,
    ])[0];
  }

  release(): void {
    free(...this.inputs);
  }
}

/** The output's shape where a convolution may wait: [batch, height, width, channels], plain padding. */
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
 * ReLU and its gradient in a 16-bit float type, on the bits as whole numbers: both types keep the sign in
 * the top bit, so that a float is positive where its bits are. TensorFlow's own goes through float32 for
 * each element and takes two to four times as long.
 */
export function reluOnBits(name: string, dtype: number, inputs: Handle[]): Handle {
  const int16 = 5;
  const bits = inputs.map((handle) => bitcast(handle, dtype, int16));
  const [result] = runOp(name, [attribute.type('T', int16)], bits);
  const floats = bitcast(result, int16, dtype);
  free(...bits, result);
  return floats;
}

function bitcast(handle: Handle, from: number, to: number): Handle {
  return runOp('Bitcast', [attribute.type('T', from), attribute.type('type', to)], [handle])[0];
}

/** The sum over all axes but the last of `shape`, in a 16-bit float type: a product with ones, summed in float32. */
export function biasGradient(dy: Handle, shape: number[], dtype: number): Handle {
  const channels = shape[shape.length - 1];
  const rows = shape.slice(0, -1).reduce((a, b) => a * b, 1);
  const flat = reshape(dy, [rows, channels], dtype);
  const fill = [sizes([1, rows]), scalarHandle(1)];
  const [high] = runOp(
    'Fill',
    [attribute.type('T', DType.float32), attribute.type('index_type', DType.int32)],
    fill,
  );
  const ones = castHandle(high, DType.float32, dtype);
  const product = [attribute.bool('transpose_a', false), attribute.bool('transpose_b', false)];
  const [sum] = runOp(...fastestOp('MatMul', [attribute.type('T', dtype), ...product]), [
    ones,
    flat,
  ]);
  const gradient = reshape(sum, [channels], dtype);
  free(flat, ...fill, high, ones, sum);
  return gradient;
}

/** A row [1, 1, k] times a matrix [1, k, n] by TensorFlow's two-dimensional product, twice as fast. */
export function rowTimesMatrix(
  row: Handle,
  matrix: Handle,
  shape: number[],
  transposed: boolean,
): Handle {
  const [, height, width] = shape;
  const inner = transposed ? width : height;
  const flat = [
    reshape(row, [1, inner], DType.float32),
    reshape(matrix, [height, width], DType.float32),
  ];
  const [product] = runOp(
    'MatMul',
    [
      attribute.type('T', DType.float32),
      attribute.bool('transpose_a', false),
      attribute.bool('transpose_b', transposed),
    ],
    flat,
  );
  const result = reshape(product, [1, 1, transposed ? height : width], DType.float32);
  free(...flat, product);
  return result;
}

function sizes(values: number[]): Handle {
  return backend().binding.createTensor([values.length], DType.int32, Int32Array.from(values));
}

export function reshape(handle: Handle, shape: number[], dtype: number): Handle {
  const size = sizes(shape);
  const attributes = [attribute.type('T', dtype), attribute.type('Tshape', DType.int32)];
  const [result] = runOp('Reshape', attributes, [handle, size]);
  free(size);
  return result;
}
