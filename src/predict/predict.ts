import { gatherPixels, type ImageSet, toInput } from '../data/index';
import { inputSizeOf } from '../model/index';
import { autocast, type Precision, tf } from '../tf/index';
import { readGreyImage } from './image';

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

/** Predicts an image file: PNG, JPEG, BMP, GIF or TIFF. Throws InputError when it is not one. */
export async function predictFile(model: tf.LayersModel, file: string): Promise<Prediction> {
  const { pixels, height, width } = await readGreyImage(file);
  return predictPixels(model, pixels, height, width, 'float32')[0];
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
