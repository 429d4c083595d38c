import { check, positiveInteger, wholeNumber } from '../checks';
import { InputError } from '../errors';
import { freeUnreachable, freeWhenUnreachable, tf } from '../tf/index';
import { BatchNorm } from './batch-norm';
import { Dropout } from './dropout';
import { type Initialisation, initialise } from './initialise';
import { type LayerSpec, layerTable } from './layers';
import { ALEXNET, SMALL_ALEXNET } from './networks';
import { LocalResponseNorm } from './response-norm';

export interface AlexNetOptions {
  /** Height and width of the input, in pixels. */
  inputSize?: number;
  channels?: number;
  classes?: number;
  /** Fraction of units that dropout zeroes during training, from 0 to less than 1. */
  dropout?: number;
  /** Fixes the initial weights and dropout's masks. */
  seed?: number;
  initialisation?: Initialisation;
  /** The table of layers. Pass another one to build another network. */
  layers?: readonly LayerSpec[];
}

/** `alexnet(SMALL)` is a network to experiment with: it learns to read digits in seconds. */
export const SMALL = {
  layers: SMALL_ALEXNET,
  inputSize: 64,
  channels: 1,
  classes: 10,
  initialisation: 'he',
} as const;

/**
 * Builds the article's network as a plain tfjs layers model.
 *
 * In: float32 [batch, inputSize, inputSize, channels]. Out: logits, float32 [batch, classes].
 * Its memory is freed by `dispose()`, or some time after the model becomes unreachable.
 * Throws InputError for sizes that do not fit together.
 */
export function alexnet(options: AlexNetOptions = {}): tf.LayersModel {
  const { initialisation = 'pytorch', seed = 42 } = options;
  const model = zeroAlexnet(options);
  initialise(model, initialisation, seed);
  return model;
}

/** The same network with all weights 0, for weights loaded from a file: it needs neither time nor memory. */
export function zeroAlexnet(options: Omit<AlexNetOptions, 'initialisation'>): tf.LayersModel {
  const { inputSize = 227, channels = 1, classes = 10, dropout = 0.5, seed = 42 } = options;
  const { layers = ALEXNET } = options;
  for (const [name, value] of Object.entries({ inputSize, channels, classes })) {
    check(positiveInteger, value, name);
  }
  check(wholeNumber, seed, 'seed');
  if (!(dropout >= 0 && dropout < 1)) {
    throw new InputError(`dropout is ${dropout}, want 0 to less than 1`);
  }
  layerTable(layers, { inputSize, channels, classes }); // throws if the sizes do not fit

  freeUnreachable(); // such as the old model of a notebook cell that is run again
  const input = tf.input({ shape: [inputSize, inputSize, channels], name: 'input' });
  const outputs = new Map<string, tf.SymbolicTensor>();
  let x = input;
  layers.forEach((layer, index) => {
    if (layer.from !== undefined) x = outputs.get(layer.from)!;
    const inputs = layer.kind === 'add' ? [x, outputs.get(layer.other)!] : x;
    x = build(layer, classes, dropout, seed + index).reduce<typeof inputs>(
      (result, built) => built.apply(result) as tf.SymbolicTensor,
      inputs,
    ) as tf.SymbolicTensor;
    outputs.set(layer.name, x);
  });
  const model = tf.model({ inputs: input, outputs: x, name: 'alexnet' });
  freeWhenUnreachable(model);
  return model;
}

/** The tfjs layers of one row of the table. */
function build(layer: LayerSpec, classes: number, rate: number, seed: number): tf.layers.Layer[] {
  const { name } = layer;
  // `initialise` sets the weights later. Zeros cost nothing.
  const zeros = { kernelInitializer: 'zeros', biasInitializer: 'zeros' } as const;
  switch (layer.kind) {
    case 'conv': {
      const { filters, kernel, stride, padding } = layer;
      const conv = (pad: 'same' | 'valid') =>
        tf.layers.conv2d({
          ...zeros,
          name,
          filters,
          kernelSize: kernel,
          strides: stride,
          activation: layer.relu === false ? 'linear' : 'relu',
          useBias: layer.bias !== false,
          padding: pad,
        });
      if (padding === 0) return [conv('valid')];
      // 'same' pads evenly only at stride 1, and tfjs has no gradients for explicit padding: pad with a layer.
      if (stride === 1 && kernel === 2 * padding + 1) return [conv('same')];
      return [tf.layers.zeroPadding2d({ name: `${name}_pad`, padding }), conv('valid')];
    }
    case 'maxPool':
      return [tf.layers.maxPooling2d({ name, poolSize: layer.kernel, strides: layer.stride })];
    case 'flatten':
      return [tf.layers.flatten({ name })];
    case 'batchNorm':
      return [new BatchNorm({ name })];
    case 'relu':
      return [tf.layers.reLU({ name })];
    case 'add':
      return [tf.layers.add({ name })];
    case 'globalAveragePool':
      return [
        tf.layers.globalAveragePooling2d({ name } as { name: string; dataFormat?: undefined }),
      ];
    case 'localResponseNorm':
      return [new LocalResponseNorm(layer)];
    case 'dropout':
      return [new Dropout({ name, rate, seed })];
    case 'dense': {
      const units = layer.units === 0 ? classes : layer.units;
      const activation = layer.relu ? ('relu' as const) : undefined;
      return [tf.layers.dense({ ...zeros, name, units, activation })];
    }
  }
}
