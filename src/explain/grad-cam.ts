import { toInput } from '../data/index';
import { InputError } from '../errors';
import type { GreyImage } from '../image/index';
import { dependentsOf, inputLayer, inputSizeOf, normalisationOf, outputsOf } from '../model/index';
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
 * Grad-CAM: where in the image a convolution found evidence for a class. The feature maps A of the layer are weighted
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
  const { layers } = model;
  const convolutions = layers.filter(
    (each) => each.getClassName() === 'Conv2D' && (layer ?? each.name) === each.name,
  );
  const convolution =
    convolutions.filter((each) => !isShortcut(each)).at(-1) ?? convolutions.at(-1);
  if (!convolution)
    throw new InputError(`the model has no convolution${layer ? ` '${layer}'` : ''}`);
  if (model.inputs[0].shape[3] !== 1)
    throw new InputError('explains networks for grey images only');
  let explained = label;
  const map = tf.tidy(() => {
    const input = toInput(image.pixels, image, inputSizeOf(model), normalisationOf(model));
    const outputs = outputsOf(model, new Map([[inputLayer(model), input]]));
    const maps = outputs.get(convolution) as tf.Tensor4D; // [1, height, width, channels]
    explained ??= outputs.get(layers.at(-1)!)!.argMax(1).dataSync()[0];
    const changing = dependentsOf(model, convolution);
    const others = [...outputs].filter(([each]) => !changing.has(each));
    const gradient = tf.grad((x) => {
      const logits = outputsOf(model, new Map([...others, [convolution, x]])).get(layers.at(-1)!)!;
      return logits.gather([explained!], 1).sum();
    })(maps);
    const weights = gradient.mean([1, 2], true); // [1, 1, 1, channels]
    return maps.mul(weights).sum(3).relu() as tf.Tensor3D; // [1, height, width]
  });
  const [, height, width] = map.shape;
  const values = map.dataSync<'float32'>();
  map.dispose();
  return { label: explained!, values, height, width };
}

/** A 1×1 convolution beside a residual block sees no neighbourhood. */
function isShortcut(layer: tf.layers.Layer): boolean {
  return layer.getWeights()[0].shape[0] === 1;
}
