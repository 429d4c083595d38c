import { listOf, objectOf, text } from '../checks';
import type { ImageSet } from '../data/index';
import type { tf } from '../tf/index';

const INFO = objectOf({ classNames: listOf(text) });

/** Makes `model` remember the names of its classes. They are saved and loaded with it. */
export function nameClasses(model: tf.LayersModel, { classNames }: Pick<ImageSet, 'classNames'>) {
  model.setUserDefinedMetadata({ classNames: [...classNames] });
}

/** The names of the model's classes: those it was trained with, else numbers. */
export function classNamesOf(model: tf.LayersModel): readonly string[] {
  const info = model.getUserDefinedMetadata() ?? {};
  const classes = model.outputs[0].shape[1] as number;
  if (INFO.problem(info, '') === undefined) {
    const { classNames } = info as { classNames: string[] };
    if (classNames.length === classes) return classNames;
  }
  return Array.from({ length: classes }, (_, label) => String(label));
}

/** Whether the model reads grey digits, so that a photo can be brought to MNIST's form. */
export function readsDigits(model: tf.LayersModel): boolean {
  const isGrey = model.inputs[0].shape[3] === 1;
  return isGrey && classNamesOf(model).join() === '0,1,2,3,4,5,6,7,8,9';
}
