/** What is inside a network: the filters of a convolution, and what each convolution makes of an image. */
import { toInput } from '../data/index';
import { checkObject, InputError } from '../errors';
import { checkModel, inputSizeOf } from '../model/index';
import { tf } from '../tf/index';
import type { GreyImage } from './digit';

/**
 * The filters of a convolution on one input channel as pictures [kernel, kernel]: 0 is middle grey, the largest
 * weight of all, by its absolute value, black or white. Throws InputError when there is no such layer, or it
 * has more channels.
 */
export function filterImages(model: tf.LayersModel, layer = 'conv1'): GreyImage[] {
  checkModel(model);
  const kernel = convolutions(model)
    .find(({ name }) => name === layer)
    ?.getWeights()[0];
  if (!kernel) throw new InputError(`the model has no convolution '${layer}'`);
  const [height, width, channels, filters] = kernel.shape as number[];
  if (channels !== 1) {
    throw new InputError(`the filters of ${layer} have ${channels} channels: a picture has one`);
  }
  const weights = kernel.dataSync<'float32'>();
  const largest = weights.reduce((most, weight) => Math.max(most, Math.abs(weight)), 0) || 1;
  return Array.from({ length: filters }, (_, filter) => ({
    height,
    width,
    pixels: Uint8Array.from(
      { length: height * width },
      (_, i) => 127.5 + (127.5 * weights[i * filters + filter]) / largest + 0.5,
    ),
  }));
}

/** The answers of a convolution to one image. */
export interface FeatureMaps {
  layer: string;
  /** The strongest channels' maps [height, width]; each one's largest answer is white, none is black. */
  maps: GreyImage[];
  /** All channels of the layer. */
  channels: number;
}

/**
 * What each convolution answers to one grey, square image, ReLU included: of each layer the `count` channels
 * with the largest answers, in that order.
 */
export function featureMaps(model: tf.LayersModel, image: GreyImage, count = 12): FeatureMaps[] {
  checkModel(model);
  checkObject('the image', image, ['pixels', 'height', 'width']);
  const layers = convolutions(model);
  if (layers.length === 0) throw new InputError('the model has no convolution');
  const outputs = layers.map((layer) => layer.output as tf.SymbolicTensor);
  const inside = tf.model({ inputs: model.inputs, outputs });
  const answers = tf.tidy(() => {
    const input = toInput(image.pixels, image.height, image.width, inputSizeOf(model));
    return [inside.predict(input)].flat() as tf.Tensor4D[];
  });
  const maps = answers.map((answer, i) => ({
    layer: layers[i].name,
    channels: answer.shape[3],
    maps: strongest(answer, count),
  }));
  tf.dispose(answers);
  return maps;
}

function strongest(answer: tf.Tensor4D, count: number): GreyImage[] {
  const [, height, width, channels] = answer.shape; // [1, height, width, channels]
  const values = answer.dataSync<'float32'>();
  const peaks = new Float32Array(channels);
  values.forEach((value, i) => {
    peaks[i % channels] = Math.max(peaks[i % channels], value);
  });
  return [...peaks.keys()]
    .sort((a, b) => peaks[b] - peaks[a])
    .slice(0, count)
    .map((channel) => ({
      height,
      width,
      pixels: Uint8Array.from(
        { length: height * width },
        (_, i) => (255 * Math.max(0, values[i * channels + channel])) / (peaks[channel] || 1) + 0.5,
      ),
    }));
}

function convolutions(model: tf.LayersModel): tf.layers.Layer[] {
  return model.layers.filter((layer) => layer.getClassName() === 'Conv2D');
}
