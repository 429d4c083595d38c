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

/** The numbers of the images of `set` that were predicted wrong. */
export function mistakes(set: ImageSet, validation: Pick<Validation, 'predictions'>): number[] {
  checkSet(set);
  checkObject('validation', validation, ['predictions']);
  const { predictions } = validation;
  checkList('predictions', predictions, set.length);
  return [...predictions.keys()].filter((i) => predictions[i] !== set.labels[i]);
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
