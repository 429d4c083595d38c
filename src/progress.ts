/** How far a long task is. The tasks report it; `viz/progress` shows it. */
export interface Progress {
  /** `Epoch 2/5`, `Evaluating` */
  label: string;
  done: number;
  total: number;
  /** What is counted: `batch`. */
  unit: string;
  /** Since the task began. */
  seconds: number;
  /** `loss=0.081, acc=97.6%` */
  details?: string;
}

export type ProgressListener = (progress: Progress) => void;

/** Lets output flow and interrupts arrive between two calls that block. */
export function turnEventLoop(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
