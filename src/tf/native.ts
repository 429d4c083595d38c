/**
 * TensorFlow below tfjs: runs any op by name, on handles.
 *
 * A handle is a number that identifies a tensor inside TensorFlow. tfjs-node's backend keeps one for each
 * tensor's data. The caller of `runOp` owns the handles it returns, and frees them or gives them to a tensor.
 */
import { tf } from './load';
import type { Tuning } from './tuning';

export type Handle = number;

/** TensorFlow's numbers for data types (tensorflow/core/framework/types.proto). */
export const DType = {
  float32: 1,
  int32: 3,
  int16: 5,
  int64: 9,
  bfloat16: 14,
  float16: 19,
} as const;

export interface OpAttribute {
  name: string;
  type: number;
  value: unknown;
}

interface TensorMetadata {
  id: Handle;
  shape: number[];
  dtype: number;
}

/** A convolution that has not run yet; see `fusion.ts`. */
export interface Pending {
  dtype: number;
  /** Runs the convolution and adds `bias`, if there is one. */
  run(bias?: Handle): Handle;
  /** Frees the inputs. */
  release(): void;
}

/** tfjs-node's record of a tensor's data. The optional fields are ours; see `entries.ts`. */
export interface DataEntry {
  shape: number[];
  dtype: number;
  values: unknown;
  /** The float32 handle, or -1 if there is none yet. */
  id: Handle;
  refCount: number;
  /** The handle in low precision, and its type. */
  low?: Handle;
  lowType?: number;
  /** Whether the value was computed in low precision. Then `id` is the copy, otherwise `low` is. */
  bornLow?: boolean;
  pending?: Pending;
}

export interface Backend {
  binding: {
    TF_Version: string;
    executeOp(
      name: string,
      attributes: OpAttribute[],
      inputs: Handle[],
      outputs: number,
      /** Returns at once, and without shapes: see `collective.ts`. */
      inBackground?: boolean,
    ): TensorMetadata[];
    createTensor(shape: number[], dtype: number, values: unknown): Handle;
    deleteTensor(handle: Handle): void;
    tensorDataSync(handle: Handle): Float32Array;
    // From here on: what our patch adds to the binding (scripts/native/tfjs-node-gpu.patch).
    /**
     * One step of AdamW for one variable, on the CPU: `numbers` are decay, rate, β₁, β₂ and ε. Changes the weights, the
     * two moments and the weights' bfloat16 copy, if there is one, in place. Handles that share memory with the weights
     * or the copy keep their values.
     */
    adamWStep(
      [weights, first, second, gradient, copy]: Handle[],
      numbers: number[],
      threads: number,
    ): void;
    /** Sets TensorFlow's `ConfigProto`. Throws if there are tensors. */
    configure(config: Uint8Array): void;
    /** Joins the cluster of a `ServerDef`, and waits for its other processes. If it throws, this one can only end. */
    enableCollectiveOps(serverDef: Uint8Array, timeoutMs: number): void;
    /** Texts that all processes of the cluster can read. `getClusterValue` waits for one. */
    setClusterValue(key: string, value: string): void;
    getClusterValue(key: string, timeoutMs: number): string;
    /** Ends what the other processes of the cluster do with this one. */
    reportClusterError(message: string): void;
    /** Waits until all processes of the cluster have called it. */
    waitAtClusterBarrier(name: string, timeoutMs: number): void;
  };
  isUsingGpuDevice: boolean;
  tensorMap: { has(dataId: object): boolean; get(dataId: object): DataEntry };
  createOutputTensor(metadata: TensorMetadata): tf.Tensor;
  executeSingleOutput(name: string, attributes: OpAttribute[], inputs: tf.Tensor[]): tf.Tensor;
  executeMultipleOutputs(
    name: string,
    attributes: OpAttribute[],
    inputs: tf.Tensor[],
    outputs: number,
  ): tf.Tensor[];
  readSync(dataId: object): unknown;
  disposeData(dataId: object, force?: boolean): boolean;
  /** Ours. */
  tuning: Tuning;
}

/** tfjs-node's backend, with the methods that its own type hides. */
export function backend(): Backend {
  return tf.backend() as unknown as Backend;
}

// The types are TF_AttrType of TensorFlow's C API.
export const attribute = {
  string: (name: string, value: string): OpAttribute => ({ name, type: 0, value }),
  int: (name: string, value: number | number[]): OpAttribute => ({ name, type: 1, value }),
  float: (name: string, value: number): OpAttribute => ({ name, type: 2, value }),
  bool: (name: string, value: boolean): OpAttribute => ({ name, type: 3, value }),
  type: (name: string, value: number): OpAttribute => ({ name, type: 4, value }),
  shape: (name: string, value: number[]): OpAttribute => ({ name, type: 5, value }),
};

/** The attributes of an op, for the same op on another type. */
export function withType(attributes: OpAttribute[], dtype: number): OpAttribute[] {
  return attributes.map((each) => (each.name === 'T' ? attribute.type('T', dtype) : each));
}

/** Runs an op on handles. The caller owns the handles returned. */
export function runOp(
  name: string,
  attributes: OpAttribute[],
  inputs: Handle[],
  outputs = 1,
): Handle[] {
  return backend()
    .binding.executeOp(name, attributes, inputs, outputs)
    .map(({ id }) => id);
}

/** Runs an op on tensors, in the precision that `autocast` has set. The result follows tfjs's rules (tidy, dispose). */
export function runTensorOp(
  name: string,
  attributes: OpAttribute[],
  inputs: tf.Tensor[],
): tf.Tensor {
  return backend().executeSingleOutput(name, attributes, inputs);
}

export function free(...handles: Handle[]): void {
  for (const handle of handles) backend().binding.deleteTensor(handle);
}

/** A copy of `handle` in another float type. */
export function castHandle(handle: Handle, from: number, to: number): Handle {
  const attributes = [
    attribute.type('SrcT', from),
    attribute.type('DstT', to),
    attribute.bool('Truncate', false),
  ];
  return runOp('Cast', attributes, [handle])[0];
}
