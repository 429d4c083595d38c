import { InputError } from '../errors';
import {
  classifierOf,
  classNamesOf,
  describe,
  type Initialisation,
  infoOf,
  initialiseLayer,
} from '../model/index';
import { freeWhenUnreachable, tf } from '../tf/index';

/**
 * A network that predicts other classes than `model`: all layers of `model` but the last, which is new and random. If
 * the classes are the same, it is `model` itself. It takes over `model`'s layers.
 * Throws InputError if the last layer is not a dense one that returns logits.
 */
export function withClasses(
  model: tf.LayersModel,
  classNames: readonly string[],
  { initialisation = 'pytorch' as Initialisation, seed = 42 } = {},
): tf.LayersModel {
  if (classNamesOf(model).join() === classNames.join()) return model;
  const last = model.layers.at(-1)!;
  const { activation } = last.getConfig();
  if (last.getClassName() !== 'Dense' || activation !== 'linear') {
    throw new InputError(
      `the last layer is ${last.name} (${last.getClassName()}, ${activation}), want a dense layer without an activation`,
    );
  }
  const { mean, std } = infoOf(model);
  const layer = tf.layers.dense({ name: last.name, units: classNames.length });
  const outputs = layer.apply(last.getInputAt(0)) as tf.SymbolicTensor;
  const result = tf.model({ inputs: model.inputs, outputs, name: model.name });
  initialiseLayer(layer, initialisation, seed, model.layers.length);
  last.dispose();
  freeWhenUnreachable(result);
  describe(result, { classNames: [...classNames], mean, std });
  return result;
}

/** Freezes all layers of `model` before its classifier: training changes the classifier only. */
export function freezeFeatures(model: tf.LayersModel): void {
  const classifier = classifierOf(model);
  for (const layer of model.layers) layer.trainable = classifier.has(layer);
}

export function unfreeze(model: tf.LayersModel): void {
  for (const layer of model.layers) layer.trainable = true;
}
