/** Pictures of what is inside a network: the filters of a convolution, and its feature maps for one image. */
import { toInput } from '../data/index';
import { InputError } from '../errors';
import type { GreyImage } from '../image/index';
import { inputSizeOf, normalisationOf } from '../model/index';
import { tf } from '../tf/index';

/**
 * The filters of a convolution with one input channel, as pictures [kernel, kernel]. A weight of 0 is middle
 * grey; the weight with the largest absolute value is black or white. Throws InputError if there is no such
 * layer or it has more than one input channel.
 */
export function filterImages(model: tf.LayersModel, layer = 'conv1'): GreyImage[] {
  const conv = convolutions(model).find(({ name }) => name === layer);
  if (!conv) throw new InputError(`the model has no convolution '${layer}'`);
  const kernel = conv.getWeights()[0];
  const [height, width, channels, filters] = kernel.shape as number[];
  if (channels !== 1) {
    throw new InputError(`the filters of ${layer} have ${channels} channels, want 1`);
  }
  const weights = kernel.dataSync<'float32'>();
  const largest = weights.reduce((most, weight) => Math.max(most, Math.abs(weight)), 0) || 1;
  return Array.from({ length: filters }, (_, filter) =>
    picture(height, width, (i) => 127.5 + (127.5 * weights[i * filters + filter]) / largest),
  );
}

/**
 * What training changed in the filters of `conv1`: after minus before. A change of 0 is middle grey. Each picture is
 * scaled alone, since some filters change much more than others.
 */
export function filterChanges(before: tf.LayersModel, after: tf.LayersModel): GreyImage[] {
  const [first, second] = [before, after].map((model) => model.getLayer('conv1').getWeights()[0]);
  const [height, width, , filters] = first.shape as number[];
  const change = tf.tidy(() => second.sub(first).dataSync<'float32'>());
  return Array.from({ length: filters }, (_, filter) => {
    const values = Array.from({ length: height * width }, (_, i) => change[i * filters + filter]);
    const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0) || 1;
    return picture(height, width, (i) => 127.5 + (127.5 * values[i]) / largest);
  });
}

/** The output of one convolution for one image. */
export interface FeatureMaps {
  layer: string;
  /** The strongest channels, each [height, width]. 0 is black, the channel's largest value is white. */
  maps: GreyImage[];
  /** Number of channels of the layer. */
  channels: number;
}

/**
 * The output of each convolution, after its ReLU, for one grey, square image: the `count` channels with the
 * largest values, strongest first. Throws InputError if the model has no convolution.
 */
export function featureMaps(model: tf.LayersModel, image: GreyImage, count = 12): FeatureMaps[] {
  if (model.inputs[0].shape[3] !== 1) throw new InputError('shows networks for grey images only');
  const layers = convolutions(model);
  if (layers.length === 0) throw new InputError('the model has no convolution');
  const outputs = layers.map((layer) => layer.output as tf.SymbolicTensor);
  const inside = tf.model({ inputs: model.inputs, outputs });
  const results = tf.tidy(() => {
    const input = toInput(image.pixels, image, inputSizeOf(model), normalisationOf(model));
    return [inside.predict(input)].flat() as tf.Tensor4D[]; // each [1, height, width, channels]
  });
  const maps = results.map((result, i) => ({
    layer: layers[i].name,
    channels: result.shape[3],
    maps: strongest(result, count),
  }));
  tf.dispose(results);
  return maps;
}

function strongest(result: tf.Tensor4D, count: number): GreyImage[] {
  const [, height, width, channels] = result.shape;
  const values = result.dataSync<'float32'>();
  const peaks = new Float32Array(channels);
  values.forEach((value, i) => {
    peaks[i % channels] = Math.max(peaks[i % channels], value);
  });
  return [...peaks.keys()]
    .sort((a, b) => peaks[b] - peaks[a])
    .slice(0, count)
    .map((channel) =>
      picture(height, width, (i) => {
        return (255 * Math.max(0, values[i * channels + channel])) / (peaks[channel] || 1);
      }),
    );
}

function picture(height: number, width: number, valueAt: (i: number) => number): GreyImage {
  const pixels = Uint8Array.from({ length: height * width }, (_, i) => valueAt(i) + 0.5);
  return { height, width, pixels };
}

function convolutions(model: tf.LayersModel): tf.layers.Layer[] {
  return model.layers.filter((layer) => layer.getClassName() === 'Conv2D');
}
