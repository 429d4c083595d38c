/**
 * The data of a tensor in two types.
 *
 * To tfjs every float tensor is float32. Its data (`DataEntry`) may also have a handle in low precision, or only
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
} from './native';

/** Makes tfjs-node's backend read and dispose such data. Called once, when TensorFlow is loaded. */
export function installEntries(): void {
  const { createOutputTensor, disposeData, readSync } = backend();
  const find = ({ tensorMap }: Backend, dataId: object) =>
    tensorMap.has(dataId) ? tensorMap.get(dataId) : undefined;
  Object.assign(backend(), {
    getInputTensorIds: (inputs: tf.Tensor[]) => inputs.map(highHandle),
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
      const entry = find(this, dataId);
      if (entry?.low !== undefined || entry?.pending) highOf(entry);
      return readSync.call(this, dataId);
    },
    disposeData(this: Backend, dataId: object, force?: boolean) {
      const entry = find(this, dataId);
      const gone = disposeData.call(this, dataId, force);
      if (gone && entry) dropLow(entry);
      return gone;
    },
  });
}

export function entryOf(tensor: tf.Tensor): DataEntry {
  return backend().tensorMap.get(tensor.dataId);
}

/** A tensor that takes over `id`. */
export function output(id: Handle, shape: number[], dtype: number): tf.Tensor {
  return backend().createOutputTensor({ id, shape, dtype });
}

/** Gives `variable` the float32 value of `handle`, which it takes over. */
export function assignHandle(variable: tf.Variable, handle: Handle): void {
  const entry = entryOf(variable);
  if (entry.refCount > 1) {
    // Clones share this data and keep it; the variable gets data of its own.
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

/** The type in which an op after `x` runs, if it is one that keeps the type of its input. */
export function followingType(x: tf.Tensor): number {
  const { low } = backend().tuning;
  return low !== undefined && entryOf(x).bornLow ? low : DType.float32;
}

export function highHandle(tensor: tf.Tensor): Handle {
  // tfjs-node passes 64-bit scalars as objects that are no tensors.
  const { valueArray } = tensor as unknown as { valueArray?: Int32Array };
  if (valueArray) return backend().binding.createTensor([], DType.int64, valueArray);
  return highOf(entryOf(tensor));
}

export function lowHandle(tensor: tf.Tensor, lowType: number): Handle {
  const entry = entryOf(tensor);
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

/** Runs a pending convolution by itself, as no bias followed. */
function settle(entry: DataEntry): void {
  const { pending } = entry;
  if (!pending) return;
  const result = pending.run();
  if (pending.dtype === DType.float32) entry.id = result;
  else entry.low = result;
  pending.release();
  entry.pending = undefined;
}

/** Frees all that an entry holds except its float32 handle. */
function dropLow(entry: DataEntry): void {
  entry.pending?.release();
  entry.pending = undefined;
  if (entry.low !== undefined) free(entry.low);
  entry.low = undefined;
}
