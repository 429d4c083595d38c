import { gatherPixels, type ImageSet, type ImageShape, toInput } from '../data/index';
import { readSquare } from '../decode/index';
import { InputError } from '../errors';
import type { GreyImage } from '../image/index';
import { infoOf, inputSizeOf, NOT_FINITE, normalisationOf, readsDigits } from '../model/index';
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
  return predictPixels(model, gatherPixels(set, indices), set, precision);
}

/** Predicts one grey, square image: light strokes on black, like the last of `digitSteps`. */
export function predictImage(
  model: tf.LayersModel,
  image: GreyImage,
  precision: Precision = 'float32',
): Prediction {
  return predictPixels(model, image.pixels, image, precision)[0];
}

/**
 * Predicts an image file. A network for digits gets the digit in MNIST's form; any other gets the picture, cut to a
 * square, in the colours it wants. Throws InputError if it is not a readable picture, or contains no digit.
 */
export async function predictFile(
  model: tf.LayersModel,
  file: string,
  options: DigitOptions = {},
): Promise<Prediction> {
  if (readsDigits(model)) return predictImage(model, (await readDigit(file, options)).pop()!);
  const side = inputSizeOf(model);
  const colour = await readSquare(file, side, infoOf(model).resizeTo); // [side, side, 3]
  const channels = model.inputs[0].shape[3] as number;
  const pixels = channels === 3 ? colour : greyOf(colour);
  const shape = { height: side, width: side, channels };
  return predictPixels(model, pixels, shape, 'float32')[0];
}

/** ITU-R 601 luma, as in PIL's mode `L`. */
function greyOf(colour: Uint8Array): Uint8Array {
  return Uint8Array.from(
    { length: colour.length / 3 },
    (_, i) =>
      (colour[3 * i] * 19595 + colour[3 * i + 1] * 38470 + colour[3 * i + 2] * 7471 + 0x8000) >> 16,
  );
}

function predictPixels(
  model: tf.LayersModel,
  pixels: Uint8Array,
  shape: ImageShape,
  precision: Precision,
): Prediction[] {
  const rows = tf.tidy(() => {
    // [batch, size, size, channels]
    const input = toInput(pixels, shape, inputSizeOf(model), normalisationOf(model));
    const logits = autocast(precision, () => model.apply(input)) as tf.Tensor2D; // [batch, classes]
    return tf.softmax(logits).arraySync();
  });
  if (rows.flat().some(Number.isNaN)) throw new InputError(NOT_FINITE);
  return rows.map((probabilities) => ({
    prediction: probabilities.indexOf(Math.max(...probabilities)),
    probabilities,
  }));
}
