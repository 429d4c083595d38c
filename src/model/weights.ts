import type { ImageSet } from '../data/index';
import { InputError } from '../errors';
import type { tf } from '../tf/index';
import { BatchNorm } from './batch-norm';
import { Dropout } from './dropout';
import type { Dimensions } from './layers';

/** The tfjs variables behind a model's trainable weights, in the order of its layers. */
export function trainableVariables(model: tf.LayersModel): tf.Variable[] {
  return model.trainableWeights.map(variableOf);
}

/** All weights in the order of the layers, with names that do not depend on how many models exist (tfjs numbers a second model's names). */
export function namedWeights(model: tf.LayersModel): { name: string; variable: tf.Variable }[] {
  const weights = model.layers.flatMap((layer) => layer.weights);
  return weights.map((weight) => ({
    name: (weight as unknown as { originalName: string }).originalName,
    variable: variableOf(weight),
  }));
}

/** The layers that count how often they were called in training, in order. */
export function countingLayers(model: tf.LayersModel): (Dropout | BatchNorm)[] {
  return model.layers.filter(
    (layer): layer is Dropout | BatchNorm => layer instanceof Dropout || layer instanceof BatchNorm,
  );
}

/** Height and width of a model's input, in pixels. */
export function inputSizeOf(model: tf.LayersModel): number {
  return model.inputs[0].shape[1] as number;
}

/** Throws InputError unless `model` takes images like those of `set` and has one output for each class. */
export function checkFits(model: tf.LayersModel, set: ImageSet): void {
  const channels = model.inputs[0].shape[3] as number;
  const classes = model.outputs[0].shape[1] as number;
  checkDimensions({ channels, classes }, set);
  if (set.length === 0) throw new InputError(`${set.name}: contains no images`);
}

/** What is wrong if the outputs of a network are not numbers. */
export const NOT_FINITE =
  'the outputs of the network are not finite: its weights are damaged, or training diverged';

/** The same from the model's dimensions alone, as far as they are known. */
export function checkDimensions(
  model: Partial<Pick<Dimensions, 'channels' | 'classes'>>,
  { name, channels, classNames }: Pick<ImageSet, 'name' | 'channels' | 'classNames'>,
): void {
  const kind = (count: number) => (count === 1 ? 'grey' : 'colour');
  if (model.channels !== undefined && model.channels !== channels) {
    throw new InputError(
      `the model wants ${kind(model.channels)} images, those of ${name} are ${kind(channels)}`,
    );
  }
  if (model.classes !== undefined && model.classes !== classNames.length) {
    throw new InputError(
      `the model has ${model.classes} classes, ${name} has ${classNames.length}`,
    );
  }
}

/** The tf.Variable inside a tfjs-layers weight; the types do not show it. */
function variableOf(weight: unknown): tf.Variable {
  return (weight as { val: tf.Variable }).val;
}
