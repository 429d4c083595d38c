/** The progress of a long task. Tasks report it; `viz/progress.ts` shows it. */
export interface Progress {
  /** Such as `Epoch 2/5` or `Evaluating`. */
  label: string;
  done: number;
  total: number;
  /** What `done` and `total` count, such as `batch`. */
  unit: string;
  /** Time since the task started. */
  seconds: number;
  /** Such as `loss=0.081, acc=97.6%`. */
  details?: string;
}

export type ProgressListener = (progress: Progress) => void;

/** Lets Node write output and handle signals between two blocking calls. */
export function turnEventLoop(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
