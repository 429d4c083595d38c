/** What this process remembers besides TensorFlow's own state. One object, kept on tfjs's backend. */
import type { tf } from './load';

export const PRECISIONS = ['float32', 'bfloat16', 'float16'] as const;
export type Precision = (typeof PRECISIONS)[number];

export interface Device {
  kind: 'CPU' | 'GPU';
  /** `CPU`, or `GPU (Tesla T4)`. */
  name: string;
  /** The card's free memory when it was first asked for. Undefined for the CPU, or if nvidia-smi does not say. */
  freeBytes?: number;
}

export interface Tuning {
  /** The type that `autocast` has set. */
  low?: number;
  /** The relative error of ops in low precision, by op, attributes, shapes and type; see `trust.ts`. */
  errors: Map<string, number>;
  /** Whether oneDNN's ops work here, by type. */
  oneDnn: Map<number, boolean>;
  /** The processor's instruction sets, as Linux names them. */
  instructions?: Set<string>;
  /** What `device` has found. */
  device?: Device;
  /** What `--precision auto` resolves to. */
  fastest?: Precision;
  /** Variables to dispose once the layer that uses them is unreachable. */
  owned: { layer: WeakRef<object>; variables: tf.Variable[] }[];
}

export function newTuning(): Tuning {
  return { errors: new Map(), oneDnn: new Map(), owned: [] };
}
