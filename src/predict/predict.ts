import { gatherPixels, type ImageSet, toInput } from '../data/index';
import { checkObject } from '../errors';
import { inputSizeOf } from '../model/index';
import { autocast, type Precision, tf } from '../tf/index';
import type { GreyImage } from './digit';
import { type DigitOptions, readDigit } from './image';

export interface Prediction {
  /** The most probable class. */
  prediction: number;
  /** Softmax of the logits: [classes], summing to 1. */
  probabilities: number[];
}

/** Predicts the images of `set` that `indices` name, in one batch. */
export function predictBatch(
  model: tf.LayersModel,
  set: ImageSet,
  indices: ArrayLike<number>,
  precision: Precision = 'float32',
): Prediction[] {
  return predictPixels(model, gatherPixels(set, indices), set.height, set.width, precision);
}

/** Predicts one grey, square image: light strokes on black, as the last of `digitSteps`. */
export function predictImage(
  model: tf.LayersModel,
  image: GreyImage,
  precision: Precision = 'float32',
): Prediction {
  checkObject('the image', image, ['pixels', 'height', 'width']);
  const { pixels, height, width } = image;
  return predictPixels(model, pixels, height, width, precision)[0];
}

/** Predicts an image file by the steps of `readDigit`. Throws InputError when that does. */
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
  const probabilities = tf.tidy(() => {
    const input = toInput(pixels, height, width, inputSizeOf(model));
    const logits = autocast(precision, () => model.apply(input)) as tf.Tensor2D;
    return tf.softmax(logits).arraySync();
  });
  return probabilities.map((row) => ({
    prediction: row.indexOf(Math.max(...row)),
    probabilities: row,
  }));
}
