/** Reports on predictions: mistakes, confusion matrix, precision and recall, calibration. */
import type { ImageSet } from '../data/index';

interface Predicted {
  /** The predicted class of each image. */
  predictions: ArrayLike<number>;
  /** Its probability, 0 to 1. */
  confidences: ArrayLike<number>;
}

/** The numbers of the misclassified images, the most confident mistake first. */
export function mistakes(set: ImageSet, { predictions, confidences }: Predicted): number[] {
  return Array.from(predictions, (_, i) => i)
    .filter((i) => predictions[i] !== set.labels[i])
    .sort((a, b) => confidences[b] - confidences[a]);
}

/** The number of images [actual class][predicted class]. */
export function confusionMatrix(
  labels: ArrayLike<number>,
  predictions: ArrayLike<number>,
  classes: number,
): number[][] {
  const matrix = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
  for (let i = 0; i < predictions.length; i++) matrix[labels[i]][predictions[i]]++;
  return matrix;
}

export interface ClassReport {
  label: number;
  /** Images of this class. */
  images: number;
  /** Correct predictions of this class / all predictions of this class. NaN if there are none. */
  precision: number;
  /** Correct predictions of this class / all images of this class. NaN if there are none. */
  recall: number;
}

/** Precision and recall of each class, from a confusion matrix. */
export function classReports(confusion: number[][]): ClassReport[] {
  return confusion.map((row, label) => {
    const images = sum(row);
    const predicted = sum(confusion.map((each) => each[label]));
    return { label, images, precision: row[label] / predicted, recall: row[label] / images };
  });
}

/**
 * The 95% confidence interval of an accuracy measured on `images` images.
 * Wilson: Probable Inference, the Law of Succession, and Statistical Inference, 1927.
 */
export function confidenceInterval(accuracy: number, images: number): [low: number, high: number] {
  const z = 1.96;
  const centre = accuracy + z ** 2 / (2 * images);
  const half = z * Math.sqrt((accuracy * (1 - accuracy)) / images + (z / (2 * images)) ** 2);
  return [(centre - half) / (1 + z ** 2 / images), (centre + half) / (1 + z ** 2 / images)];
}

/** Predictions of similar confidence. */
export interface CalibrationBin {
  images: number;
  /** Their mean confidence, 0 to 1. */
  confidence: number;
  /** The share of them that is correct. */
  accuracy: number;
}

/**
 * Compares confidence with accuracy. Returns ten bins of equal width by confidence, without the empty ones, and the
 * expected calibration error: the mean of the bins' |accuracy − confidence|, weighted by their images.
 * Guo, Pleiss, Sun, Weinberger: On Calibration of Modern Neural Networks, 2017.
 */
export function calibration(
  set: ImageSet,
  { predictions, confidences }: Predicted,
): { bins: CalibrationBin[]; error: number } {
  const bins = Array.from({ length: 10 }, () => ({ images: 0, confidence: 0, accuracy: 0 }));
  for (let i = 0; i < predictions.length; i++) {
    const bin = bins[Math.min(9, Math.floor(10 * confidences[i]))];
    bin.images++;
    bin.confidence += confidences[i];
    if (predictions[i] === set.labels[i]) bin.accuracy++;
  }
  const filled = bins.filter(({ images }) => images > 0);
  for (const bin of filled) {
    bin.confidence /= bin.images;
    bin.accuracy /= bin.images;
  }
  const gap = sum(filled.map((bin) => bin.images * Math.abs(bin.accuracy - bin.confidence)));
  return { bins: filled, error: gap / Math.max(1, predictions.length) };
}

function sum(values: number[]): number {
  return values.reduce((a, b) => a + b, 0);
}
