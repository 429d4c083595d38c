/** What a model's file says about its input and output, beside the weights. */
import {
  type Check,
  listOf,
  number,
  objectOf,
  optional,
  positiveInteger,
  positiveNumber,
  text,
} from '../checks';
import { HALF, type Normalisation } from '../image/index';
import type { tf } from '../tf/index';

export interface ModelInfo extends Partial<Normalisation> {
  classNames?: readonly string[];
  /** Pictures are resized to this along their shorter side before they are cut to the input's size. */
  resizeTo?: number;
}
export const MODEL_INFO: Check<ModelInfo> = objectOf({
  classNames: optional(listOf(text)),
  mean: optional(listOf(number)),
  std: optional(listOf(positiveNumber)),
  resizeTo: optional(positiveInteger),
});

/** What `model` says about itself. */
export function infoOf(model: tf.LayersModel): ModelInfo {
  const info = model.getUserDefinedMetadata() ?? {};
  return MODEL_INFO.problem(info, '') === undefined ? info : {}; // other programs may store other things
}

/** Adds `info` to what `model` says about itself. It is saved and loaded with the model. */
export function describe(model: tf.LayersModel, info: ModelInfo): void {
  const given = Object.entries(info).filter(([, value]) => value !== undefined);
  model.setUserDefinedMetadata({ ...infoOf(model), ...Object.fromEntries(given) });
}

/** The names of the model's classes: those it was trained with, else numbers. */
export function classNamesOf(model: tf.LayersModel): readonly string[] {
  const classes = model.outputs[0].shape[1] as number;
  const { classNames } = infoOf(model);
  if (classNames?.length === classes) return classNames;
  return Array.from({ length: classes }, (_, label) => String(label));
}

/** How the model's input is normalised: as its training images were, else as in the article. */
export function normalisationOf(model: tf.LayersModel): Normalisation {
  const { mean = HALF.mean, std = HALF.std } = infoOf(model);
  return { mean, std };
}

/** Whether the model reads grey digits, so that a photo can be brought to MNIST's form. */
export function readsDigits(model: tf.LayersModel): boolean {
  const isGrey = model.inputs[0].shape[3] === 1;
  return isGrey && classNamesOf(model).join() === '0,1,2,3,4,5,6,7,8,9';
}
