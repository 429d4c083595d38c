/**
 * The data of a tensor in two types.
 *
 * tfjs sees every float tensor as float32. Its data (`DataEntry`) may also have a handle in low precision, or only
 * that one. The other handle is made when an op needs it, and kept until the tensor is disposed.
 */
import type { tf } from './load';
import {
  type Backend,
  backend,
  castHandle,
  type DataEntry,
  DType,
  free,
  type Handle,
  type OpAttribute,
} from './native';

/** Makes tfjs-node's backend create, read and dispose such data. Called once, after TensorFlow has loaded. */
export function installEntries(): void {
  const { createOutputTensor, disposeData, readSync } = backend();
  Object.assign(backend(), {
    getInputTensorIds: (inputs: tf.Tensor[]) => inputs.map(handleOf),
    createOutputTensor(this: Backend, metadata: { id: Handle; shape: number[]; dtype: number }) {
      const { dtype, id: low } = metadata;
      if (dtype !== DType.bfloat16 && dtype !== DType.float16) {
        return createOutputTensor.call(this, metadata);
      }
      const tensor = createOutputTensor.call(this, { ...metadata, id: -1, dtype: DType.float32 });
      Object.assign(this.tensorMap.get(tensor.dataId), { low, lowType: dtype, bornLow: true });
      return tensor;
    },
    readSync(this: Backend, dataId: object) {
      const entry = this.tensorMap.get(dataId);
      if (entry.low !== undefined || entry.pending) highOf(entry);
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

export function entryOf(tensor: tf.Tensor): DataEntry {
  return backend().tensorMap.get(tensor.dataId);
}

/** Runs an op on handles as it is: `autocast` does not change it. */
export function runRaw(
  name: string,
  attributes: OpAttribute[],
  inputs: Handle[],
  outputs = 1,
): tf.Tensor[] {
  return backend()
    .binding.executeOp(name, attributes, inputs, outputs)
    .map((metadata) => backend().createOutputTensor(metadata));
}

/** A tensor that takes over `id`. */
export function tensorOf(id: Handle, shape: number[], dtype: number): tf.Tensor {
  return backend().createOutputTensor({ id, shape, dtype });
}

/** Gives `variable` the float32 value of `handle`, and takes the handle over. */
export function assignHandle(variable: tf.Variable, handle: Handle): void {
  const entry = entryOf(variable);
  if (entry.refCount > 1) {
    // Clones share this data and keep it; the variable gets data of its own.
    const value = tensorOf(handle, variable.shape, DType.float32);
    variable.assign(value);
    value.dispose();
  } else {
    if (entry.id >= 0) free(entry.id);
    dropLow(entry);
    Object.assign(entry, { values: null, bornLow: false, id: handle });
  }
}

/** The type of an op that keeps the type of its input `x`. */
export function followingType(x: tf.Tensor): number {
  const { low = DType.float32 } = backend().tuning;
  return entryOf(x).bornLow ? low : DType.float32;
}

/** The handle of a tensor's data, floats in float32. The tensor owns it. */
export function handleOf(tensor: tf.Tensor): Handle {
  // tfjs-node passes 64-bit scalars as objects that are not tensors.
  const { valueArray } = tensor as unknown as { valueArray?: Int32Array };
  if (valueArray) return backend().binding.createTensor([], DType.int64, valueArray);
  return highOf(entryOf(tensor));
}

/** The same, with floats in `dtype`. */
export function handleAs(tensor: tf.Tensor, dtype: number): Handle {
  if (dtype === DType.float32 || tensor.dtype !== 'float32') return handleOf(tensor);
  const entry = entryOf(tensor);
  settle(entry);
  if (entry.low !== undefined && entry.lowType !== dtype) {
    highOf(entry);
    dropLow(entry);
  }
  entry.low ??= castHandle(highOf(entry), DType.float32, dtype);
  entry.lowType = dtype;
  return entry.low;
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

/** Runs a pending convolution without a bias. */
function settle(entry: DataEntry): void {
  const { pending } = entry;
  if (!pending) return;
  entry[pending.dtype === DType.float32 ? 'id' : 'low'] = pending.run();
  pending.release();
  entry.pending = undefined;
}

/** Frees everything that an entry holds except its float32 handle. */
function dropLow(entry: DataEntry): void {
  entry.pending?.release();
  entry.pending = undefined;
  if (entry.low !== undefined) free(entry.low);
  entry.low = undefined;
}
