/**
 * TensorFlow beneath tfjs: any op, by name, on handles.
 *
 * tfjs-node's backend keeps, for each tensor's data, a handle of TensorFlow's (a number). Handles got from
 * `runOp` belong to the caller until they are freed or given to a tensor.
 */
import type { PendingConvolution } from './fusion';
import { tf } from './load';

export type Handle = number;

/** TensorFlow's numbers for data types (tensorflow/core/framework/types.proto). */
export const DType = { float32: 1, int32: 3, bfloat16: 14, float16: 19, resource: 20 } as const;

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

/** What tfjs-node keeps of a tensor's data; `low` is ours, see `autocast.ts`. */
export interface DataEntry {
  shape: number[];
  dtype: number;
  values: unknown;
  /** -1 where there is none (yet). */
  id: Handle;
  refCount: number;
  /** Whether the value was computed in low precision: then `id` is the copy, else `low` is. */
  bornLow?: boolean;
  low?: Handle;
  /** A convolution whose result nobody has asked for yet. */
  pending?: PendingConvolution;
  lowType?: number;
}

export interface Backend {
  binding: {
    TF_Version: string;
    executeOp(
      name: string,
      attributes: OpAttribute[],
      inputs: Handle[],
      outputs: number,
    ): TensorMetadata[];
    createTensor(shape: number[], dtype: number, values: unknown): Handle;
    deleteTensor(handle: Handle): void;
    tensorDataSync(handle: Handle): Float32Array;
  };
  isUsingGpuDevice: boolean;
  tensorMap: { has(dataId: object): boolean; get(dataId: object): DataEntry };
  getInputTensorIds(tensors: tf.Tensor[]): Handle[];
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
}

/** The running backend, seen as what it is. */
export function backend(): Backend {
  return tf.backend() as unknown as Backend;
}

// TF_AttrType of TensorFlow's C API.
export const attribute = {
  string: (name: string, value: string): OpAttribute => ({ name, type: 0, value }),
  int: (name: string, value: number | number[]): OpAttribute => ({ name, type: 1, value }),
  float: (name: string, value: number): OpAttribute => ({ name, type: 2, value }),
  bool: (name: string, value: boolean): OpAttribute => ({ name, type: 3, value }),
  type: (name: string, value: number): OpAttribute => ({ name, type: 4, value }),
  shape: (name: string, value: number[]): OpAttribute => ({ name, type: 5, value }),
};

/** Runs an op on handles. The handles it returns are the caller's. */
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

/** Runs an op on tensors; the tensor it returns follows tfjs's rules (tidy, dispose). */
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

/** A float32 scalar as a handle. */
export function scalarHandle(value: number): Handle {
  return backend().binding.createTensor([], DType.float32, new Float32Array([value]));
}

/**
 * A variable of TensorFlow's own: its updates happen in place, by ops made for optimizers.
 * Not seen by tfjs and not counted in `numTensors`; `dispose` frees it.
 */
export class ResourceVariable {
  private static made = 0;
  readonly handle: Handle;

  constructor(readonly shape: number[]) {
    [this.handle] = runOp(
      'VarHandleOp',
      [
        attribute.type('dtype', DType.float32),
        attribute.shape('shape', shape),
        attribute.string('shared_name', `variable-${ResourceVariable.made++}`),
        attribute.string('container', ''),
      ],
      [],
    );
  }

  /** Takes the value of a float32 handle of the same shape; the memory is shared until one is changed. */
  assign(value: Handle): void {
    runOp('AssignVariableOp', [attribute.type('dtype', DType.float32)], [this.handle, value], 0);
  }

  /** The value now, as a handle of the caller's. Later updates do not change it. */
  read(): Handle {
    return runOp('ReadVariableOp', [attribute.type('dtype', DType.float32)], [this.handle])[0];
  }

  /** A copy of the value on the host. */
  values(): Float32Array {
    const handle = this.read();
    const values = Float32Array.from(backend().binding.tensorDataSync(handle));
    free(handle);
    return values;
  }

  setValues(values: Float32Array): void {
    const handle = backend().binding.createTensor(this.shape, DType.float32, values);
    this.assign(handle);
    free(handle);
  }

  dispose(): void {
    runOp('DestroyResourceOp', [attribute.bool('ignore_lookup_error', true)], [this.handle], 0);
    free(this.handle);
  }
}

/** The float32 handle of a tensor's data, which stays the tensor's. */
export function handleOf(tensor: tf.Tensor): Handle {
  return backend().getInputTensorIds([tensor])[0];
}
