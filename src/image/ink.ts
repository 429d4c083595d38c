/** Separates the digit from the paper, and from specks, ruled lines and frames. */
import { InputError } from '../errors';
import { withoutLines } from './lines';
import {
  blur,
  components,
  isOnBorder,
  litBox,
  mapPlane,
  mean,
  otsu,
  type Plane,
  quantile,
} from './raster';

/** Ink differs from paper by at least this much, of 255. */
export const MIN_CONTRAST = 20;
/** Smallest side of a picture, and smallest longer side of a digit, in pixels. */
export const MIN_SIDE = 6;
/** Smallest longer side of a digit, as a share of the picture's. */
const MIN_DIGIT = 0.03;
/** Parts with fewer pixels are specks. A share of the largest part's pixels. */
const MIN_PART = 0.04;
/** Minimum contrast of ink, in standard deviations of the paper. Noise alone, split in two, gives 2.7 to 3.5. */
const MIN_SEPARATION = 4.5;
/** Minimum contrast of ink, in medians of the difference between a pixel and its neighbours. Noise has 3. */
const MIN_GRAINS = 5;

/**
 * Makes the paper black and the middle of the strokes white. Removes specks, and parts that touch the border.
 * Throws InputError if no digit remains.
 */
export function inkOf(even: Plane): Plane {
  const fine = blur(even, 1);
  const smooth = Math.min(even.width, even.height) >= 60 ? fine : even;
  const threshold = otsu(smooth.values);
  const paper = smooth.values.filter((value) => value <= threshold);
  const strokes = smooth.values.filter((value) => value > threshold);
  const paperMean = mean(paper);
  const contrast = mean(strokes) - paperMean;
  const noise = Math.sqrt(mean(paper.map((value) => (value - paperMean) ** 2)));
  // Fine noise is in every pixel, strokes are in a few: the median measures the noise.
  const differences = even.values.map((value, i) => Math.abs(value - fine.values[i]));
  const wanted = Math.max(
    MIN_CONTRAST,
    MIN_SEPARATION * noise,
    MIN_GRAINS * quantile(differences, 0.5),
  );
  if (strokes.length === 0 || contrast < wanted || strokes.length > paper.length) {
    throw new InputError('no digit found: no strokes stand out from the background');
  }
  const low = paperMean + Math.max(0.15 * contrast, 3 * noise);
  const inked = even.values.filter((value) => value > threshold);
  const high = Math.max(low + 1, quantile(inked, 0.75));
  const mask = withoutLines(mapPlane(smooth, (value) => (value > low ? 1 : 0)));
  const parts = components(mask);
  const bold = parts.filter((part) => part.some((i) => smooth.values[i] > threshold));
  const values = new Float32Array(even.values.length);
  for (const i of digitPixels(bold, even)) {
    values[i] = 255 * Math.min(1, Math.max(0, (even.values[i] - paperMean) / (high - paperMean)));
  }
  return { ...even, values };
}

/**
 * The pixels of the parts that belong to the digit: the bar of a 5 does, specks do not. Frames, table edges and
 * ruled lines do not either, unless little else remains.
 */
function digitPixels(parts: number[][], { values, width, height }: Plane): number[] {
  const isOutermost = (i: number) => isOnBorder(i, width, height);
  const inside = parts.filter((part) => !part.some(isOutermost));
  const outside = parts.filter((part) => part.some(isOutermost));
  const largest = (list: number[][]) => Math.max(0, ...list.map(({ length }) => length));
  const digit = largest(inside) * 4 >= largest(outside) ? inside : outside;
  const smallest = MIN_PART * largest(digit);
  const pixels = digit.filter(({ length }) => length >= smallest).flat();
  if (pixels.filter(isOutermost).length > width + height) {
    throw new InputError('no digit found: only a frame');
  }
  const mask = new Uint8Array(values.length);
  for (const i of pixels) mask[i] = 1;
  const { left, top, right, bottom } = litBox(mask, width, height);
  if (
    Math.max(right - left, bottom - top) < Math.max(MIN_SIDE, MIN_DIGIT * Math.max(width, height))
  ) {
    throw new InputError('no digit found: only specks');
  }
  return pixels;
}
