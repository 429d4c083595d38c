import type { GreyImage } from '../image/index';
import { predictBatch } from '../predict/index';
import type { tf } from '../tf/index';
import type { HeatMap } from './grad-cam';

export interface OcclusionOptions {
  /** Side of the covered square, and how far it moves, in pixels of the image. */
  size?: number;
  stride?: number;
  /** The class to explain; the predicted one by default. */
  label?: number;
}

/**
 * How much the probability of a class falls when a black square covers a part of the image: positive where the class
 * needs what is there. Each value belongs to one position of the square.
 * Zeiler, Fergus: Visualizing and Understanding Convolutional Networks, 2014.
 */
export function occlusion(
  model: tf.LayersModel,
  { pixels, height, width }: GreyImage,
  { size = 7, stride = 3, label }: OcclusionOptions = {},
): HeatMap {
  const rows = Math.floor((height - size) / stride) + 1;
  const columns = Math.floor((width - size) / stride) + 1;
  const count = 1 + rows * columns; // the first image is not covered
  const covered = new Uint8Array(count * height * width);
  for (let i = 0; i < count; i++) {
    const image = covered.subarray(i * height * width, (i + 1) * height * width);
    image.set(pixels);
    if (i === 0) continue;
    const [top, left] = [stride * Math.floor((i - 1) / columns), stride * ((i - 1) % columns)];
    for (let y = top; y < top + size; y++) image.fill(0, y * width + left, y * width + left + size);
  }
  const labels = new Uint8Array(count); // not used
  const set = {
    name: 'covered',
    pixels: covered,
    height,
    width,
    length: count,
    labels,
    channels: 1,
    classNames: [''],
  };
  const [whole, ...parts] = predictBatch(
    model,
    set,
    Array.from({ length: count }, (_, i) => i),
  );
  const explained = label ?? whole.prediction;
  const falls = parts.map(
    ({ probabilities }) => whole.probabilities[explained] - probabilities[explained],
  );
  return { label: explained, values: Float32Array.from(falls), height: rows, width: columns };
}
