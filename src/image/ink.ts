/** Separates the digit from the paper, and from specks, ruled lines and frames. */
import { InputError } from '../errors';
import {
  blur,
  type Component,
  components,
  isOnBorder,
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
/** Smaller parts are specks. A share of the largest part's pixels. */
const MIN_PART = 0.04;
/** Contrast of ink, in standard deviations of the paper. Splitting noise in two gives 2.7 to 3.5. */
const MIN_SEPARATION = 4.5;
/** Contrast of ink, in medians of the difference between a pixel and its neighbours. Noise has 3. */
const MIN_GRAINS = 5;

/**
 * Makes paper black and the middle of strokes white. Removes specks, and what touches the border.
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
  // Fine noise is in every pixel, strokes are in few.
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
  const parts = components(mapPlane(smooth, (value) => (value > low ? 1 : 0)));
  const bold = parts.filter(({ pixels }) => pixels.some((i) => smooth.values[i] > threshold));
  const values = new Float32Array(even.values.length);
  for (const { pixels } of digitParts(bold, even)) {
    for (const i of pixels) {
      values[i] = 255 * Math.min(1, Math.max(0, (even.values[i] - paperMean) / (high - paperMean)));
    }
  }
  return { ...even, values };
}

/** Keeps the bar of a 5. Drops specks; drops frames, table edges and ruled lines unless little else remains. */
function digitParts(parts: Component[], { width, height }: Plane): Component[] {
  const touchesBorder = ({ left, top, right, bottom }: Component) =>
    left === 0 || top === 0 || right === width || bottom === height;
  const largest = (list: Component[]) => Math.max(0, ...list.map(({ pixels }) => pixels.length));
  const inside = parts.filter((part) => !touchesBorder(part));
  const outside = parts.filter(touchesBorder);
  const digit = largest(inside) * 4 >= largest(outside) ? inside : outside;
  const smallest = MIN_PART * largest(digit);
  const kept = digit.filter(({ pixels }) => pixels.length >= smallest);
  const rim = kept.flatMap(({ pixels }) => pixels.filter((i) => isOnBorder(i, width, height)));
  if (rim.length > width + height) throw new InputError('no digit found: only a frame');
  const extent = (start: 'left' | 'top', end: 'right' | 'bottom') =>
    Math.max(...kept.map((part) => part[end])) - Math.min(...kept.map((part) => part[start]));
  const side = Math.max(extent('left', 'right'), extent('top', 'bottom'));
  if (side < Math.max(MIN_SIDE, MIN_DIGIT * Math.max(width, height))) {
    throw new InputError('no digit found: only specks');
  }
  return kept;
}
