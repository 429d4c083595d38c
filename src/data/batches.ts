import { checkList, checkObject, InputError, positiveInteger } from '../errors';
import { tf } from '../tf/index';
import { checkSet, type ImageSet } from './dataset';
import { shuffledIndices } from './random';
import { toInput } from './transforms';

/** One batch on the device. Whoever receives it disposes it: `disposeBatch`. */
export interface Batch {
  /** float32 [size, inputSize, inputSize, 1] in [-1, 1]. */
  images: tf.Tensor4D;
  /** int32 [size]. */
  labels: tf.Tensor1D;
  size: number;
}

/**
 * The batches of one epoch as lists of image numbers, the last one short where the count asks for it.
 * With `seed` the images are shuffled first, differently in each epoch; without, they stay in order.
 */
export function epochBatches(
  length: number,
  batchSize: number,
  shuffle?: { seed: number; epoch: number },
): Uint32Array[] {
  if (!Number.isInteger(length) || length < 0) {
    throw new InputError(`${length} images, want a whole number`);
  }
  positiveInteger('batch size', batchSize);
  const order = shuffle
    ? shuffledIndices(length, shuffle.seed, shuffle.epoch)
    : Uint32Array.from({ length }, (_, i) => i);
  const batches: Uint32Array[] = [];
  for (let start = 0; start < length; start += batchSize) {
    batches.push(order.subarray(start, start + batchSize));
  }
  return batches;
}

/** The bytes of the chosen images, copied: [indices.length, height, width]. */
export function gatherPixels(set: ImageSet, indices: ArrayLike<number>): Uint8Array {
  checkSet(set);
  checkList('indices', indices);
  const size = set.height * set.width;
  const pixels = new Uint8Array(indices.length * size);
  for (let i = 0; i < indices.length; i++) {
    const start = indices[i] * size;
    if (!(start >= 0 && start + size <= set.pixels.length)) {
      throw new InputError(`image ${indices[i]} of ${set.name}: it has ${set.length}`);
    }
    pixels.set(set.pixels.subarray(start, start + size), i * size);
  }
  return pixels;
}

/** Makes the batch of the chosen images, resized to `inputSize` and normalised. */
export function makeBatch(set: ImageSet, indices: ArrayLike<number>, inputSize: number): Batch {
  const pixels = gatherPixels(set, indices);
  const labels = Int32Array.from(indices, (index) => set.labels[index]);
  return {
    images: toInput(pixels, set.height, set.width, inputSize),
    labels: tf.tensor1d(labels, 'int32'),
    size: indices.length,
  };
}

export function disposeBatch(batch: Batch): void {
  checkObject('batch', batch, ['images', 'labels']);
  batch.images.dispose();
  batch.labels.dispose();
}
