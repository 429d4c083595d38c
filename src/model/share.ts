import type { tf } from '../tf/index';

/**
 * The part of a batch that this process computes, if several processes share the batch. `model.apply` hands it to the
 * layers whose result depends on the other images of the batch: dropout, batch normalisation.
 */
export interface Share {
  /** The place of this part's first image in the batch. */
  readonly start: number;
  /** The number of images in the batch. */
  readonly total: number;
  /** 0: this part has an image only to keep in step with the others, and it must not count. Otherwise 1. */
  readonly weight: 0 | 1;
  /** Adds up a tensor over all processes. The caller disposes `x` and the sum. */
  sum<T extends tf.Tensor>(x: T): T;
}
