import { InputError } from '../errors';
import { HALF } from '../image/index';
import { tf } from '../tf/index';
import type { ImageSet } from './dataset';
import { shuffledIndices } from './random';
import { toInput } from './transforms';

/** A batch on the device. The caller disposes it with `disposeBatch`. */
export interface Batch {
  /** float32 [size, inputSize, inputSize, channels], normalised. */
  images: tf.Tensor4D;
  /** int32 [size]. */
  labels: tf.Tensor1D;
  size: number;
}

/**
 * Splits the images of one epoch into batches of image numbers; the last batch may be smaller.
 * With `shuffle`, each epoch has its own random order; without it, the set's order is kept.
 */
export function epochBatches(
  length: number,
  batchSize: number,
  shuffle?: { seed: number; epoch: number },
): Uint32Array[] {
  const order = shuffle
    ? shuffledIndices(length, shuffle.seed, shuffle.epoch)
    : Uint32Array.from({ length }, (_, i) => i);
  const batches: Uint32Array[] = [];
  for (let start = 0; start < length; start += batchSize) {
    batches.push(order.subarray(start, start + batchSize));
  }
  return batches;
}

/** Makes a batch of the images at `indices`, resized to `inputSize` and normalised. */
export function makeBatch(
  set: ImageSet,
  indices: ArrayLike<number>,
  inputSize: number,
  normalisation = HALF,
): Batch {
  const labels = Int32Array.from(indices, (index) => set.labels[index]);
  return {
    images: set.features
      ? gatherFeatures(set, set.features, indices)
      : toInput(gatherPixels(set, indices), set, inputSize, normalisation),
    labels: tf.tensor1d(labels, 'int32'),
    size: indices.length,
  };
}

export function disposeBatch({ images, labels }: Batch): void {
  tf.dispose([images, labels]);
}

function gatherFeatures(
  { height, width, channels }: ImageSet,
  features: Float32Array,
  indices: ArrayLike<number>,
): tf.Tensor4D {
  const size = height * width * channels;
  const values = new Float32Array(indices.length * size);
  Array.from(indices).forEach((index, i) => {
    values.set(features.subarray(index * size, (index + 1) * size), i * size);
  });
  return tf.tensor4d(values, [indices.length, height, width, channels]);
}

/**
 * Copies the pixels of the images at `indices`: [indices.length, height, width, channels].
 * Throws InputError out of range.
 */
export function gatherPixels(set: ImageSet, indices: ArrayLike<number>): Uint8Array {
  const size = set.height * set.width * set.channels;
  const pixels = new Uint8Array(indices.length * size);
  for (let i = 0; i < indices.length; i++) {
    const index = indices[i];
    if (!(index >= 0 && index < set.length)) {
      throw new InputError(`image ${index} of ${set.name}: it has ${set.length}`);
    }
    const into = pixels.subarray(i * size, (i + 1) * size);
    if (set.readImage) set.readImage(index, into);
    else into.set(set.pixels.subarray(index * size, (index + 1) * size));
  }
  return pixels;
}
