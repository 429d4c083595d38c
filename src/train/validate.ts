import { checkSet, disposeBatch, epochBatches, type ImageSet, makeBatch } from '../data/index';
import { checkObject, InputError } from '../errors';
import { checkModel, inputSizeOf } from '../model/index';
import { type ProgressListener, turnEventLoop } from '../progress';
import { autocast, type Precision, tf } from '../tf/index';
import { crossEntropySum } from './loss';

export interface ValidateOptions {
  /** Images forwarded at once: changes speed and memory, not the result. */
  batchSize?: number;
  onProgress?: ProgressListener;
  /** Of convolutions and matrix products. */
  precision?: Precision;
  /** Asked between batches; true ends the validation, whose result is then that of the images so far. */
  stop?: () => boolean;
  /** What the progress is called. */
  label?: string;
}

export interface Validation {
  images: number;
  /** Cross-entropy, mean over the images. */
  loss: number;
  /** 0 to 1. */
  accuracy: number;
  /** The class of the largest logit: [images]. */
  predictions: Uint8Array;
  /** Its probability, the softmax of the logits: [images], 0 to 1. */
  confidences: Float32Array;
}

/** Throws InputError unless `model` takes grey images and knows as many classes as `set` has. */
export function checkFits(model: tf.LayersModel, set: ImageSet): void {
  checkModel(model);
  checkSet(set);
  const channels = model.inputs[0].shape[3];
  const classes = model.outputs[0].shape[1];
  if (channels !== 1 || classes !== set.classes) {
    throw new InputError(
      `the model takes ${channels} channel(s) and knows ${classes} classes, ${set.name} has 1 and ${set.classes}`,
    );
  }
}

/** Loss, accuracy and predictions of `model` on a whole set, dropout off. */
export async function validate(
  model: tf.LayersModel,
  set: ImageSet,
  options: ValidateOptions = {},
): Promise<Validation> {
  checkObject('options', options);
  const { batchSize = 128, precision = 'float32', onProgress, label = 'Evaluating' } = options;
  checkFits(model, set);
  const inputSize = inputSizeOf(model);
  const batches = epochBatches(set.length, batchSize);
  const predictions = new Uint8Array(set.length);
  const confidences = new Float32Array(set.length);
  const started = performance.now();
  let lossSum = 0;
  let correct = 0;
  let seen = 0;
  for (const [index, indices] of batches.entries()) {
    const batch = makeBatch(set, indices, inputSize);
    const [loss, classes, best] = tf.tidy(() => {
      const logits = autocast(precision, () => model.apply(batch.images)) as tf.Tensor2D;
      return [crossEntropySum(logits, batch.labels), logits.argMax(1), tf.softmax(logits).max(1)];
    });
    lossSum += loss.dataSync()[0];
    predictions.set(classes.dataSync(), seen);
    confidences.set(best.dataSync(), seen);
    for (let i = 0; i < batch.size; i++) {
      if (predictions[seen + i] === set.labels[indices[i]]) correct++;
    }
    seen += batch.size;
    tf.dispose([loss, classes, best]);
    disposeBatch(batch);
    onProgress?.({
      label,
      done: index + 1,
      total: batches.length,
      unit: 'batch',
      seconds: (performance.now() - started) / 1000,
      details: `loss=${(lossSum / seen).toFixed(3)}, acc=${((100 * correct) / seen).toFixed(1)}%`,
    });
    await turnEventLoop();
    if (options.stop?.()) break;
  }
  return {
    images: seen,
    loss: lossSum / seen,
    accuracy: correct / seen,
    predictions: predictions.subarray(0, seen),
    confidences: confidences.subarray(0, seen),
  };
}
