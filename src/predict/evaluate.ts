import { checkSet, type ImageSet } from '../data/index';
import { checkList, checkObject, positiveInteger } from '../errors';
import type { tf } from '../tf/index';
import { type ValidateOptions, type Validation, validate } from '../train/index';

export interface Evaluation extends Validation {
  /** [actual][predicted], counts of images. */
  confusion: number[][];
}

/** Measures `model` on a labelled set: loss, accuracy, predictions, confusion matrix. */
export async function evaluate(
  model: tf.LayersModel,
  set: ImageSet,
  options: ValidateOptions = {},
): Promise<Evaluation> {
  const validation = await validate(model, set, options);
  return {
    ...validation,
    confusion: confusionMatrix(set.labels, validation.predictions, set.classes),
  };
}

/** The numbers of the images of `set` that were predicted wrong, the most confident mistake first. */
export function mistakes(
  set: ImageSet,
  validation: Pick<Validation, 'predictions' | 'confidences'>,
): number[] {
  checkSet(set);
  checkObject('validation', validation, ['predictions', 'confidences']);
  const { predictions, confidences } = validation;
  checkList('predictions', predictions, set.length);
  checkList('confidences', confidences, set.length);
  return [...predictions.keys()]
    .filter((i) => predictions[i] !== set.labels[i])
    .sort((a, b) => confidences[b] - confidences[a]);
}

/** Counts [actual][predicted]. */
export function confusionMatrix(
  labels: ArrayLike<number>,
  predictions: ArrayLike<number>,
  classes: number,
): number[][] {
  checkList('labels', labels);
  checkList('predictions', predictions, labels.length);
  positiveInteger('classes', classes);
  const matrix = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
  for (let i = 0; i < labels.length; i++) matrix[labels[i]][predictions[i]]++;
  return matrix;
}

/** How well one class is found. */
export interface ClassReport {
  label: number;
  /** Images of this class. */
  images: number;
  /** Of the images that were taken for this class, the share that is of it; NaN when there are none. */
  precision: number;
  /** Of the images of this class, the share that was found; NaN when there are none. */
  recall: number;
}

/** Precision and recall of each class, from counts [actual][predicted]. */
export function classReports(confusion: number[][]): ClassReport[] {
  checkList('confusion', confusion);
  return confusion.map((row, label) => {
    const images = sum(row);
    const taken = sum(confusion.map((each) => each[label]));
    return { label, images, precision: row[label] / taken, recall: row[label] / images };
  });
}

/** Predictions of about the same confidence, and how many of them are right. */
export interface CalibrationBin {
  images: number;
  /** Their mean probability, 0 to 1. */
  confidence: number;
  /** The share of them that is right. */
  accuracy: number;
}

/**
 * Whether a network is right as often as it says: its predictions in ten bins of equal width by confidence, empty
 * bins left out, and the expected calibration error: the mean of |accuracy - confidence| over the images.
 * Guo, Pleiss, Sun, Weinberger: On Calibration of Modern Neural Networks, 2017.
 */
export function calibration(
  set: ImageSet,
  validation: Pick<Validation, 'predictions' | 'confidences'>,
): { bins: CalibrationBin[]; error: number } {
  checkSet(set);
  checkObject('validation', validation, ['predictions', 'confidences']);
  const { predictions, confidences } = validation;
  checkList('predictions', predictions, set.length);
  checkList('confidences', confidences, set.length);
  const sums = Array.from({ length: 10 }, () => ({ images: 0, confidence: 0, accuracy: 0 }));
  for (const [i, confidence] of confidences.entries()) {
    const bin = sums[Math.min(9, Math.floor(10 * confidence))];
    bin.images++;
    bin.confidence += confidence;
    if (predictions[i] === set.labels[i]) bin.accuracy++;
  }
  const bins = sums
    .filter(({ images }) => images > 0)
    .map(({ images, confidence, accuracy }) => ({
      images,
      confidence: confidence / images,
      accuracy: accuracy / images,
    }));
  const error = sum(bins.map((bin) => bin.images * Math.abs(bin.accuracy - bin.confidence)));
  return { bins, error: error / Math.max(1, set.length) };
}

function sum(values: number[]): number {
  return values.reduce((a, b) => a + b, 0);
}
