/**
 * Mixed precision beneath tfjs: PyTorch's autocast for any tfjs model.
 *
 * Inside `autocast('bfloat16', …)` convolutions and matrix products run in bfloat16, forward and both
 * gradients, and what flows between them (ReLU, pooling, bias, dropout) stays in bfloat16. All else runs
 * in float32: loss, softmax, optimizer, and everything outside.
 *
 * tfjs has no such types, so it is not told. To it all tensors are float32; a tensor's data has, beside or
 * instead of its float32 handle, one in low precision (`DataEntry.low`). Every op of tfjs-node goes through
 * the backend's two execute methods, and there it is decided which of the two an op gets. The other is
 * made when it is asked for, and kept until the tensor is disposed.
 */
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
  attribute,
  type Backend,
  backend,
  castHandle,
  type DataEntry,
  DType,
  free,
  type Handle,
  type OpAttribute,
  runOp,
} from './native';
import { fastestOp, hasOneDnn } from './onednn';
import { isTrusted } from './trust';

export type LowPrecision = 'bfloat16' | 'float16';
export type Precision = 'float32' | LowPrecision;
export const PRECISIONS: readonly Precision[] = ['float32', 'bfloat16', 'float16'];

/** Ops that are worth lowering, and which of their inputs are floats. */
const LOWERED: Record<string, number[]> = {
  Conv2D: [0, 1],
  Conv2DBackpropFilter: [0, 2],
  Conv2DBackpropInput: [1, 2],
  BatchMatMulV2: [0, 1],
};

/** Ops that stay in low precision when their first float input was computed in it. */
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

/** The type in force, or undefined outside `autocast`. */
let low: number | undefined;

/** Runs `body`, which must not be async, with convolutions and matrix products in `precision`. */
export function autocast<T>(precision: Precision, body: () => T): T {
  const outer = low;
  low = precision === 'float32' ? undefined : DType[precision];
  try {
    return body();
  } finally {
    low = outer;
  }
}

/** Puts the two execute methods in the place of tfjs-node's. Called once, when TensorFlow is loaded. */
export function installAutocast(): void {
  const { createOutputTensor, disposeData, readSync } = backend();
  Object.assign(backend(), {
    executeSingleOutput: (name: string, attributes: OpAttribute[], inputs: tf.Tensor[]) =>
      execute(name, attributes, inputs, 1)[0],
    executeMultipleOutputs: execute,
    getInputTensorIds: (inputs: tf.Tensor[]) => inputs.map((input) => highHandle(input)),
    createOutputTensor(this: Backend, metadata: { id: Handle; shape: number[]; dtype: number }) {
      const { dtype } = metadata;
      if (dtype !== DType.bfloat16 && dtype !== DType.float16) {
        return createOutputTensor.call(this, metadata);
      }
      const tensor = createOutputTensor.call(this, { ...metadata, id: -1, dtype: DType.float32 });
      Object.assign(this.tensorMap.get(tensor.dataId), {
        low: metadata.id,
        lowType: dtype,
        bornLow: true,
      });
      return tensor;
    },
    readSync(this: Backend, dataId: object) {
      const entry = this.tensorMap.has(dataId) ? this.tensorMap.get(dataId) : undefined;
      if (entry?.low !== undefined || entry?.pending) highOf(entry);
      return readSync.call(this, dataId);
    },
    disposeData(this: Backend, dataId: object, force?: boolean) {
      const entry = this.tensorMap.has(dataId) ? this.tensorMap.get(dataId) : undefined;
      const gone = disposeData.call(this, dataId, force);
      if (gone && entry) dropLow(entry);
      return gone;
    },
  });
}

/** Forgets what an entry holds beside its float32 handle. */
function dropLow(entry: DataEntry): void {
  entry.pending?.release();
  entry.pending = undefined;
  if (entry.low !== undefined) free(entry.low);
  entry.low = undefined;
}

/** Gives `variable` the float32 value of `handle`, which becomes the variable's. */
export function assignHandle(variable: tf.Variable, handle: Handle): void {
  const entry = entryOf(variable);
  if (entry.refCount > 1) {
    // Clones share this data: they keep it, and the variable gets data of its own.
    const value = output(handle, variable.shape, DType.float32);
    variable.assign(value);
    value.dispose();
    return;
  }
  if (entry.id >= 0) free(entry.id);
  dropLow(entry);
  entry.values = null;
  entry.bornLow = false;
  entry.id = handle;
}

function execute(
  name: string,
  attributes: OpAttribute[],
  inputs: tf.Tensor[],
  outputs: number,
): tf.Tensor[] {
  if (name === 'Add') {
    const sum = addBias(inputs);
    if (sum) return [sum];
  }
  if (name === 'Reshape' && low !== undefined) {
    const matrix = reshapedMatrix(attributes, inputs);
    if (matrix) return [matrix];
  }
  const floats = low === undefined ? undefined : floatInputs(name, inputs);
  if (!floats) {
    if (name === 'BatchMatMulV2' && isRowTimesMatrix(attributes, inputs))
      return [multiplyRow(attributes, inputs)];
    const deferred = name === 'Conv2D' ? defer(attributes, inputs, DType.float32) : undefined;
    if (deferred) return [deferred];
    const fastest = fastestOp(name, attributes, isThin(name, inputs));
    return run(...fastest, inputs.map(highHandle), outputs);
  }
  const lowType = low!;
  const lowered = loweredAttributes(attributes, lowType);
  const thin = isThin(name, inputs);
  const runIn = (dtype: number) =>
    dtype === lowType
      ? runOp(...fastestOp(name, lowered, thin), handles(inputs, floats, lowType))[0]
      : runOp(...fastestOp(name, attributes, thin), inputs.map(highHandle))[0];
  if (
    (thin && !backend().isUsingGpuDevice) ||
    (name in LOWERED && !isTrusted(name, attributes, inputs, lowType, runIn))
  ) {
    // In float32 after all, but what follows goes on in low precision.
    const fastest = fastestOp(name, attributes, thin);
    const [high] = backend().binding.executeOp(...fastest, inputs.map(highHandle), 1);
    const id = castHandle(high.id, DType.float32, lowType);
    free(high.id);
    return [output(id, high.shape, lowType)];
  }
  if (name === 'Conv2D') {
    const deferred = defer(lowered, inputs, lowType);
    if (deferred) return [deferred];
  }
  const given = handles(inputs, floats, lowType);
  if (!backend().isUsingGpuDevice) {
    const [first] = inputs;
    if (name === 'Relu' || name === 'ReluGrad') {
      return [output(reluOnBits(name, lowType, given), first.shape, lowType)];
    }
    if (name === 'BiasAddGrad') {
      return [output(biasGradient(given[0], first.shape, lowType), first.shape.slice(-1), lowType)];
    }
  }
  return run(...fastestOp(name, lowered, thin), given, outputs);
}

/**
 * tfjs gives a matrix product [1, k, n] for a matrix [k, n]. The low-precision copy then made would go with
 * that tensor, and be made again for the next product: so it is made of the matrix, which keeps it.
 */
function reshapedMatrix(attributes: OpAttribute[], [x, shape]: tf.Tensor[]): tf.Tensor | undefined {
  const to = [...shape.dataSync()];
  const isMatrix = x.rank === 2 && x.dtype === 'float32' && to.length === 3 && to[0] === 1;
  const entry = entryOf(x);
  if (!isMatrix || entry.bornLow || to[1] !== x.shape[0]) return undefined;
  const [tensor] = run('Reshape', attributes, [highOf(entry), highHandle(shape)], 1);
  const copy = reshape(lowOf(entry, low!), to, low!);
  Object.assign(entryOf(tensor), { low: copy, lowType: low });
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

/**
 * The filter gradient of a convolution over a few channels, as the first one of a network: low precision
 * leaves the units for it half empty, and float32 is faster (28 against 46 ms for AlexNet's conv1).
 */
function isThin(name: string, [x]: tf.Tensor[]): boolean {
  return name === 'Conv2DBackpropFilter' && x.shape[3]! < 8;
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

function output(id: Handle, shape: number[], dtype: number): tf.Tensor {
  return backend().createOutputTensor({ id, shape, dtype });
}

/** A convolution that waits for its bias, see `fusion.ts`; undefined where it cannot. */
function defer(
  attributes: OpAttribute[],
  inputs: tf.Tensor[],
  dtype: number,
): tf.Tensor | undefined {
  const shape = deferredShape(attributes, inputs[0].shape, inputs[1].shape);
  if (!shape || inputs.some((input) => input.dtype !== 'float32') || !hasOneDnn(dtype))
    return undefined;
  const given = inputs.map((input) =>
    dtype === DType.float32 ? highHandle(input) : lowOf(entryOf(input), dtype),
  );
  const tensor = output(-1, shape, DType.float32);
  const isLow = dtype !== DType.float32;
  Object.assign(entryOf(tensor), {
    pending: new PendingConvolution(attributes, given, dtype),
    bornLow: isLow,
    lowType: isLow ? dtype : undefined,
  });
  return tensor;
}

/** The sum of a waiting convolution and a bias, in one op; undefined where it is not that. */
function addBias([a, b]: tf.Tensor[]): tf.Tensor | undefined {
  const { pending } = entryOf(a);
  if (!pending || b.rank !== 1 || b.shape[0] !== a.shape[3] || b.dtype !== 'float32')
    return undefined;
  if (pending.dtype !== (low ?? DType.float32)) return undefined;
  const isLow = pending.dtype !== DType.float32;
  const bias = isLow ? lowOf(entryOf(b), pending.dtype) : highHandle(b);
  return output(pending.runWithBias(bias), a.shape, pending.dtype);
}

/** The type that an op after `x` runs in, of those that follow it. */
export function followingType(x: tf.Tensor): number {
  return entryOf(x).bornLow && low !== undefined ? low : DType.float32;
}

/** Which inputs are to be low, or undefined when the op runs in float32. */
function floatInputs(name: string, inputs: tf.Tensor[]): number[] | undefined {
  const floats = LOWERED[name] ?? FOLLOWING[name];
  if (!floats || floats.some((index) => inputs[index].dtype !== 'float32')) return undefined;
  if (name in LOWERED || followingType(inputs[floats[0]]) !== DType.float32) return floats;
  return undefined;
}

function loweredAttributes(attributes: OpAttribute[], lowType: number): OpAttribute[] {
  return attributes.map((each) => (each.name === 'T' ? attribute.type('T', lowType) : each));
}

function handles(inputs: tf.Tensor[], floats: number[], lowType: number): Handle[] {
  return inputs.map((input, index) =>
    floats.includes(index) ? lowOf(entryOf(input), lowType) : highHandle(input),
  );
}

function entryOf(tensor: tf.Tensor): DataEntry {
  return backend().tensorMap.get(tensor.dataId);
}

function highHandle(tensor: tf.Tensor): Handle {
  // tfjs-node passes 64-bit scalars as objects of its own that are no tensors.
  const wide = tensor as unknown as { valueArray?: Int32Array };
  if (wide.valueArray) return backend().binding.createTensor([], 9 /* int64 */, wide.valueArray);
  return highOf(entryOf(tensor));
}

/** Runs a convolution that no bias followed. */
function settle(entry: DataEntry): void {
  if (!entry.pending) return;
  const { pending } = entry;
  const result = pending.run();
  if (pending.dtype === DType.float32) entry.id = result;
  else entry.low = result;
  pending.release();
  entry.pending = undefined;
}

function highOf(entry: DataEntry): Handle {
  settle(entry);
  if (entry.values !== null && entry.values !== undefined) {
    entry.id = backend().binding.createTensor(entry.shape, entry.dtype, entry.values);
    entry.values = null;
  } else if (entry.low !== undefined && entry.id < 0) {
    entry.id = castHandle(entry.low, entry.lowType!, DType.float32);
  }
  return entry.id;
}

function lowOf(entry: DataEntry, lowType: number): Handle {
  settle(entry);
  if (entry.low !== undefined && entry.lowType !== lowType) {
    highOf(entry);
    dropLow(entry);
  }
  if (entry.low === undefined) {
    entry.low = castHandle(highOf(entry), DType.float32, lowType);
    entry.lowType = lowType;
  }
  return entry.low;
}
