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

/** For a task that starts now: returns a function that reports how much is done. */
export function progressOf(
  task: Pick<Progress, 'label' | 'total' | 'unit'>,
  onProgress: ProgressListener = () => {},
): (done: number, details?: string) => void {
  const started = performance.now();
  return (done, details) =>
    onProgress({ ...task, done, details, seconds: (performance.now() - started) / 1000 });
}

/** The details of a progress line, from sums over `images` images. */
export function lossText(loss: number, correct: number, images: number): string {
  return `loss=${(loss / images).toFixed(3)}, acc=${((100 * correct) / images).toFixed(1)}%`;
}
