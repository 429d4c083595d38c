/** How far a long task has come. Tasks report it; `viz/progress.ts` shows it. */
export interface Progress {
  /** `Epoch 2/5`, `Evaluating` */
  label: string;
  done: number;
  total: number;
  /** What `done` counts: `batch`. */
  unit: string;
  /** Since the task began. */
  seconds: number;
  /** `loss=0.081, acc=97.6%` */
  details?: string;
}

export type ProgressListener = (progress: Progress) => void;

/** Lets output appear and interrupts arrive between two blocking calls. */
export function turnEventLoop(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
