/** The one door to TensorFlow: everything else writes `import { tf } from '../tf'`. */
import './binding';
import * as tf from '@tensorflow/tfjs-node-gpu';

export { tf };

/** What of tfjs-node's backend is used here: any TensorFlow op, by name. */
export interface NativeBackend {
  binding: NativeBinding;
  isUsingGpuDevice: boolean;
  executeSingleOutput(name: string, attributes: OpAttribute[], inputs: tf.Tensor[]): tf.Tensor;
}

export interface NativeBinding {
  TF_Version: string;
  TF_ATTR_INT: number;
  TF_ATTR_FLOAT: number;
  TF_ATTR_BOOL: number;
  TF_ATTR_TYPE: number;
  TF_ATTR_STRING: number;
  TF_FLOAT: number;
  TF_INT32: number;
}

export interface OpAttribute {
  name: string;
  type: number;
  value: unknown;
}

/** The running TensorFlow backend, seen as what it is. */
export function nativeBackend(): NativeBackend {
  return tf.backend() as unknown as NativeBackend;
}

/** An attribute `name` of an op that names a data type. */
export function typeAttribute(name: string, dtype: 'float32' | 'int32'): OpAttribute {
  const { binding } = nativeBackend();
  const value = dtype === 'float32' ? binding.TF_FLOAT : binding.TF_INT32;
  return { name, type: binding.TF_ATTR_TYPE, value };
}
