import { toInput } from '../data/index';
import { InputError } from '../errors';
import type { GreyImage } from '../image/index';
import { inputSizeOf } from '../model/index';
import { tf } from '../tf/index';

/** How much each place of an image matters for a class. */
export interface HeatMap {
  /** The class it explains. */
  label: number;
  /** [height, width] */
  values: Float32Array;
  height: number;
  width: number;
}

export interface GradCamOptions {
  /** A convolution; the last one by default. */
  layer?: string;
  /** The class to explain; the predicted one by default. */
  label?: number;
}

/**
 * Grad-CAM: where in the image a convolution found what speaks for a class. The feature maps A of the layer are weighted
 * by the mean gradient of the class's logit, summed, and cut off at 0: ReLU(Σ αₖ Aₖ). The result has the layer's
 * resolution.
 * Selvaraju et al.: Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization, 2017.
 *
 * @param image grey, square, light strokes on black
 * Throws InputError if the model has no such convolution.
 */
export function gradCam(
  model: tf.LayersModel,
  image: GreyImage,
  { layer, label }: GradCamOptions = {},
): HeatMap {
  const layers = model.layers.filter((each) => each.getClassName() !== 'InputLayer');
  const convolutions = layers.filter(
    (each) => each.getClassName() === 'Conv2D' && (layer ?? each.name) === each.name,
  );
  const at = layers.lastIndexOf(convolutions[convolutions.length - 1]);
  if (at < 0) throw new InputError(`the model has no convolution${layer ? ` '${layer}'` : ''}`);
  const apply = (some: tf.layers.Layer[], x: tf.Tensor) =>
    some.reduce((result, each) => each.apply(result) as tf.Tensor, x);
  let explained = label;
  const map = tf.tidy(() => {
    const input = toInput(image.pixels, image, inputSizeOf(model));
    const maps = apply(layers.slice(0, at + 1), input) as tf.Tensor4D; // [1, height, width, channels]
    const logitsOf = (x: tf.Tensor) => apply(layers.slice(at + 1), x) as tf.Tensor2D;
    explained ??= logitsOf(maps).argMax(1).dataSync()[0];
    const gradient = tf.grad((x) => logitsOf(x).gather([explained!], 1).sum())(maps);
    const weights = gradient.mean([1, 2], true); // [1, 1, 1, channels]
    return maps.mul(weights).sum(3).relu() as tf.Tensor3D; // [1, height, width]
  });
  const [, height, width] = map.shape;
  const values = map.dataSync<'float32'>();
  map.dispose();
  return { label: explained!, values, height, width };
}
