import { gatherPixels, type ImageSet, toInput } from '../data/index';
import type { GreyImage } from '../image/index';
import { inputSizeOf } from '../model/index';
import { autocast, type Precision, tf } from '../tf/index';
import { type DigitOptions, readDigit } from './image';

export interface Prediction {
  /** The most probable class. */
  prediction: number;
  /** Softmax of the logits: [classes]. They sum to 1. */
  probabilities: number[];
}

/** Predicts the images of `set` at `indices`, in one batch. Throws InputError if an index is out of range. */
export function predictBatch(
  model: tf.LayersModel,
  set: ImageSet,
  indices: ArrayLike<number>,
  precision: Precision = 'float32',
): Prediction[] {
  return predictPixels(model, gatherPixels(set, indices), set.height, set.width, precision);
}

/** Predicts one grey, square image: light strokes on black, like the last of `digitSteps`. */
export function predictImage(
  model: tf.LayersModel,
  { pixels, height, width }: GreyImage,
  precision: Precision = 'float32',
): Prediction {
  return predictPixels(model, pixels, height, width, precision)[0];
}

/** Predicts an image file. Throws InputError if it is not a readable picture, or contains no digit. */
export async function predictFile(
  model: tf.LayersModel,
  file: string,
  options: DigitOptions = {},
): Promise<Prediction> {
  const steps = await readDigit(file, options);
  return predictImage(model, steps[steps.length - 1]);
}

function predictPixels(
  model: tf.LayersModel,
  pixels: Uint8Array,
  height: number,
  width: number,
  precision: Precision,
): Prediction[] {
  const rows = tf.tidy(() => {
    const input = toInput(pixels, height, width, inputSizeOf(model)); // [batch, size, size, 1]
    const logits = autocast(precision, () => model.apply(input)) as tf.Tensor2D; // [batch, classes]
    return tf.softmax(logits).arraySync();
  });
  return rows.map((probabilities) => ({
    prediction: probabilities.indexOf(Math.max(...probabilities)),
    probabilities,
  }));
}
