import { checkObject, InputError, positiveInteger } from '../errors';
import { tf } from '../tf/index';
import { Dropout } from './dropout';
import { type Initialisation, initialise } from './initialise';
import { ALEXNET, type LayerSpec, layerTable } from './layers';

export interface AlexNetOptions {
  /** Height and width of the input, in pixels. */
  inputSize?: number;
  channels?: number;
  classes?: number;
  /** The share of units that dropout leaves out in training, 0 to less than 1. */
  dropout?: number;
  /** Fixes the initial weights and dropout's masks. */
  seed?: number;
  initialisation?: Initialisation;
  /** The table of layers: change it for another network. */
  layers?: readonly LayerSpec[];
}

/**
 * Builds the network of the article as a plain tfjs layers model.
 *
 * In: float32 [batch, inputSize, inputSize, channels]. Out: logits, float32 [batch, classes].
 * The caller disposes the model. Throws InputError for sizes that make no network.
 */
export function alexnet(options: AlexNetOptions = {}): tf.Sequential {
  checkObject('options', options);
  const { initialisation = 'pytorch', seed = 42 } = options;
  const model = zeroAlexnet(options);
  initialise(model, initialisation, seed);
  return model;
}

/** The same with all weights 0, which takes no time and no memory: for weights that come from a file. */
export function zeroAlexnet(options: Omit<AlexNetOptions, 'initialisation'>): tf.Sequential {
  const { inputSize = 227, channels = 1, classes = 10, dropout = 0.5, seed = 42 } = options;
  const { layers = ALEXNET } = options;
  positiveInteger('inputSize', inputSize);
  positiveInteger('channels', channels);
  positiveInteger('classes', classes);
  if (!(dropout >= 0 && dropout < 1))
    throw new InputError(`dropout is ${dropout}, want 0 to less than 1`);
  if (!Number.isInteger(seed)) throw new InputError(`seed is ${seed}, want a whole number`);
  layerTable(layers, { inputSize, channels, classes }); // throws where the sizes do not fit

  const model = tf.sequential({ name: 'alexnet' });
  model.add(tf.layers.inputLayer({ inputShape: [inputSize, inputSize, channels], name: 'input' }));
  layers.forEach((layer, index) => {
    for (const built of build(layer, classes, dropout, seed + index)) model.add(built);
  });
  return model;
}

function build(layer: LayerSpec, classes: number, rate: number, seed: number): tf.layers.Layer[] {
  const { name } = layer;
  // Weights are drawn afterwards, by `initialise`: zeros cost nothing.
  const zeros = { kernelInitializer: 'zeros', biasInitializer: 'zeros' } as const;
  switch (layer.kind) {
    case 'conv': {
      const { filters, kernel, stride, padding } = layer;
      const common = {
        ...zeros,
        name,
        filters,
        kernelSize: kernel,
        strides: stride,
        activation: 'relu',
      } as const;
      if (padding === 0) return [tf.layers.conv2d({ ...common, padding: 'valid' })];
      // 'same' pads evenly only at stride 1. TensorFlow's gradients refuse explicit padding.
      if (stride === 1 && kernel === 2 * padding + 1) {
        return [tf.layers.conv2d({ ...common, padding: 'same' })];
      }
      return [
        tf.layers.zeroPadding2d({ name: `${name}_pad`, padding }),
        tf.layers.conv2d({ ...common, padding: 'valid' }),
      ];
    }
    case 'maxPool':
      return [tf.layers.maxPooling2d({ name, poolSize: layer.kernel, strides: layer.stride })];
    case 'flatten':
      return [tf.layers.flatten({ name })];
    case 'dropout':
      return [new Dropout({ name, rate, seed })];
    case 'dense': {
      const units = layer.units === 0 ? classes : layer.units;
      const activation = layer.relu ? ('relu' as const) : undefined;
      return [tf.layers.dense({ ...zeros, name, units, activation })];
    }
  }
}
