/** A model as a graph of layers: where each one's input comes from. */
import { InputError } from '../errors';
import type { tf } from '../tf/index';

/** The layers whose outputs `layer` takes. */
export function inputsOf(layer: tf.layers.Layer): tf.layers.Layer[] {
  return layer.inboundNodes[0].inboundLayers;
}

/** The layer that stands for the model's input. */
export function inputLayer(model: tf.LayersModel): tf.layers.Layer {
  return model.inputs[0].sourceLayer;
}

/** The layers from the flattening or global pooling on: they turn features into classes. */
export function classifierOf(model: tf.LayersModel): Set<tf.layers.Layer> {
  const first = model.layers.find((layer) =>
    ['Flatten', 'GlobalAveragePooling2D'].includes(layer.getClassName()),
  );
  if (!first) throw new InputError('the model has no layer that flattens or pools its features');
  return dependentsOf(model, first);
}

/** `layer`, and all layers whose outputs depend on it. */
export function dependentsOf(model: tf.LayersModel, layer: tf.layers.Layer): Set<tf.layers.Layer> {
  const found = new Set([layer]);
  for (const each of model.layers) {
    if (inputsOf(each).some((input) => found.has(input))) found.add(each);
  }
  return found;
}

/**
 * Adds to `known` the outputs of all layers of `model` that follow from it, and returns it. The outputs may be tensors,
 * or symbolic tensors to build another model.
 */
export function outputsOf<T extends tf.Tensor | tf.SymbolicTensor>(
  model: tf.LayersModel,
  known: Map<tf.layers.Layer, T>,
): Map<tf.layers.Layer, T> {
  for (const layer of model.layers) {
    if (known.has(layer)) continue;
    const inputs = inputsOf(layer).map((each) => known.get(each));
    if (inputs.length === 0 || inputs.includes(undefined)) continue;
    const given = (inputs.length === 1 ? inputs[0] : inputs) as T;
    known.set(layer, layer.apply(given as tf.Tensor) as T);
  }
  return known;
}
