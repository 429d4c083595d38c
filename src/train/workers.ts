import type { Share } from '../model/index';
import { tf } from '../tf/index';

/** Several processes that train one model together. `src/workers/` makes them. */
export interface Workers {
  /** This process, from 0. */
  readonly index: number;
  readonly count: number;
  /** Adds up a gradient over all workers. Takes over `x`. Returns at once: what uses the sum waits for it. */
  sumGradient(x: tf.Tensor): tf.Tensor;
  /** The same for other values. The caller disposes `x`. */
  sum<T extends tf.Tensor>(x: T): T;
}

/** The images of a batch that this worker computes. Without workers: all of them. */
export function shareOf(
  batch: ArrayLike<number>,
  workers?: Workers,
): { indices: ArrayLike<number>; weight: 0 | 1; share?: Share } {
  if (!workers) return { indices: batch, weight: 1 };
  const total = batch.length;
  const [start, end] = partOf(total, workers);
  const images = Array.from(batch).slice(start, end);
  const sum: Workers['sum'] = (x) => workers.sum(x);
  if (images.length > 0) {
    return { indices: images, weight: 1, share: { start, total, weight: 1, sum } };
  }
  // A short last batch may have fewer images than there are workers. Then some compute one that does not count.
  return { indices: [batch[0]], weight: 0, share: { start: 0, total, weight: 0, sum } };
}

/** Where the part of a worker starts and ends if `length` things are split among all. */
export function partOf(
  length: number,
  { index, count }: Pick<Workers, 'index' | 'count'>,
): [start: number, end: number] {
  const at = (worker: number) => Math.floor((worker * length) / count);
  return [at(index), at(index + 1)];
}

/** The sums of some numbers over all workers. Waits for them. */
export function sumNumbers(numbers: number[], workers?: Workers): number[] {
  if (!workers) return numbers;
  return tf.tidy(() => [...workers.sum(tf.tensor1d(numbers)).dataSync()]);
}
