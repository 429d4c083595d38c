/** What this process keeps beside TensorFlow itself, in one object that hangs on the backend. */
import type { tf } from './load';

export type LowPrecision = 'bfloat16' | 'float16';
export type Precision = 'float32' | LowPrecision;
export const PRECISIONS: readonly Precision[] = ['float32', 'bfloat16', 'float16'];

/** Whether an op computes correctly in low precision on this machine; see `trust.ts`. */
export interface Verdict {
  name: string;
  /** Of the inputs that it was tried on. */
  shapes: string;
  /** Relative to float32. */
  error: number;
  trusted: boolean;
}

export interface Tuning {
  /** The type that `autocast` has in force; undefined outside. */
  low?: number;
  /** By op, attributes, shapes and type. */
  verdicts: Map<string, Verdict>;
  /** Whether oneDNN's ops work here, by type. */
  oneDnn: Map<number, boolean>;
  /** The processor's instruction sets, as Linux names them. */
  instructions?: Set<string>;
  /** What `--precision auto` stands for. */
  fastest?: Precision;
  /** Variables to dispose once the layer that uses them is unreachable. */
  owned: { layer: WeakRef<object>; variables: tf.Variable[] }[];
}

export function newTuning(): Tuning {
  return { verdicts: new Map(), oneDnn: new Map(), owned: [] };
}
