import { disposeBatch, epochBatches, type ImageSet, makeBatch } from '../data/index';
import { InputError } from '../errors';
import { turnEventLoop } from '../interrupt';
import { checkFits, inputSizeOf, NOT_FINITE, normalisationOf } from '../model/index';
import { lossText, type ProgressListener, progressOf } from '../progress';
import { autocast, type Precision, tf } from '../tf/index';
import { crossEntropySum } from '../train/index';
import { confusionMatrix } from './reports';

export interface EvaluateOptions {
  /** Images per forward pass. Changes speed and memory, not the result. */
  batchSize?: number;
  /** Number format of convolutions and matrix products. */
  precision?: Precision;
  onProgress?: ProgressListener;
  /** Label of the progress line. */
  label?: string;
  /** Stops after the current batch. The result then covers the images so far. */
  signal?: AbortSignal;
}

export interface Evaluation {
  images: number;
  /** Cross-entropy, mean over the images. */
  loss: number;
  /** 0 to 1. */
  accuracy: number;
  /** The class with the largest logit: [images]. */
  predictions: Uint16Array;
  /** Its softmax probability: [images], 0 to 1. */
  confidences: Float32Array;
  /** Number of images [actual class][predicted class]. */
  confusion: number[][];
}

/**
 * Loss, accuracy and predictions of `model` on a whole set, without dropout.
 * Throws InputError if the model does not fit the set, the set is empty, or the loss is not finite.
 */
export async function evaluate(
  model: tf.LayersModel,
  set: ImageSet,
  options: EvaluateOptions = {},
): Promise<Evaluation> {
  const { batchSize = 128, precision = 'float32', label = 'Evaluating', signal } = options;
  checkFits(model, set);
  const batches = epochBatches(set.length, batchSize);
  const predictions = new Uint16Array(set.length);
  const confidences = new Float32Array(set.length);
  const report = progressOf({ label, total: batches.length, unit: 'batch' }, options.onProgress);
  let lossSum = 0;
  let correct = 0;
  let images = 0;
  for (const [i, indices] of batches.entries()) {
    const batch = makeBatch(set, indices, inputSizeOf(model), normalisationOf(model));
    const [loss, classes, confidence] = tf.tidy(() => {
      const logits = autocast(precision, () => model.apply(batch.images)) as tf.Tensor2D;
      return [crossEntropySum(logits, batch.labels), logits.argMax(1), tf.softmax(logits).max(1)];
    });
    lossSum += loss.dataSync()[0];
    predictions.set(classes.dataSync(), images);
    confidences.set(confidence.dataSync(), images);
    for (const index of indices) if (predictions[index] === set.labels[index]) correct++;
    images += batch.size;
    tf.dispose([loss, classes, confidence]);
    disposeBatch(batch);
    report(i + 1, lossText(lossSum, correct, images));
    await turnEventLoop();
    if (signal?.aborted) break;
  }
  if (!Number.isFinite(lossSum)) throw new InputError(`${set.name}: ${NOT_FINITE}`);
  const seen = predictions.subarray(0, images);
  return {
    images,
    loss: lossSum / images,
    accuracy: correct / images,
    predictions: seen,
    confidences: confidences.subarray(0, images),
    confusion: confusionMatrix(set.labels, seen, set.classNames.length),
  };
}
