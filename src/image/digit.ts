/**
 * Turns a picture of a digit into 28×28 pixels the way MNIST was made. Returns every step, so that it can be shown.
 *
 * MNIST's page (LeCun, Cortes, Burges): "The original black and white (bilevel) images from NIST were size
 * normalized to fit in a 20x20 pixel box while preserving their aspect ratio. The resulting images contain
 * grey levels as a result of the anti-aliasing technique used by the normalization algorithm. The images were
 * centered in a 28x28 image by computing the center of mass of the pixels, and translating the image so as
 * to position this point at the center of the 28x28 field."
 *
 * NIST's scans were already black and white. A photo is not; the steps before the box make it nearly so.
 */
import { InputError } from '../errors';
import { type Bitmap, type GreyImage, grey, toImage } from './bitmap';
import { inkOf, MIN_CONTRAST, MIN_SIDE } from './ink';
import { evenLight, invert, isDarkOnLight, reduce } from './light';
import {
  blur,
  border,
  crop,
  growRound,
  litBox,
  mean,
  type Plane,
  quantile,
  resizeByArea,
} from './raster';

/** The picture after one step. */
export interface DigitStep extends GreyImage {
  name: string;
}

/** Side of MNIST's images, and of the box that the digit fills. */
const SIZE = 28;
const BOX = 20;
/** Larger pictures are reduced to this longer side first. The digit stays legible, and noise averages out. */
const WORK_SIDE = 512;
/** Minimum stroke width in the box, in pixels. Three in four of MNIST's digits reach it. */
const MIN_STROKE = 1.65;

/**
 * The steps from `bitmap` to MNIST's form. The pixels [28, 28] of the last one are the input for a network.
 * An opaque, grey 28×28 picture with a dark border already has that form and is the only step.
 *
 * Throws InputError if there is no digit, or if `data` is not 4 · width · height long.
 */
export function digitSteps(bitmap: Bitmap): DigitStep[] {
  const steps: DigitStep[] = [];
  const step = (name: string, plane: Plane): Plane => {
    steps.push({ name, ...toImage(plane) });
    return plane;
  };
  if (hasMnistForm(bitmap)) {
    step('MNIST form', grey(bitmap));
    return steps;
  }
  const picture = step('Grey', reduce(visibleGrey(bitmap), WORK_SIDE));
  if (Math.min(picture.width, picture.height) < MIN_SIDE) {
    throw new InputError(`no digit found: ${bitmap.width}×${bitmap.height} pixels are too few`);
  }
  if (quantile(picture.values, 1) - quantile(picture.values, 0) < MIN_CONTRAST) {
    throw new InputError('no digit found: the whole picture has the same brightness');
  }
  const light = step('Light on dark', isDarkOnLight(picture) ? invert(picture) : picture);
  const ink = step('Ink', inkOf(step('Even light', evenLight(light))));
  const digit = step('Stroke width', thicken(step('Crop', cropToInk(ink))));
  step('Centre of mass', centre(step('20×20 box', fitBox(digit))));
  return steps;
}

function hasMnistForm(bitmap: Bitmap): boolean {
  const { data, width, height } = bitmap;
  if (width !== SIZE || height !== SIZE) return false;
  for (let i = 0; i < data.length; i += 4) {
    if (data[i] !== data[i + 1] || data[i] !== data[i + 2] || data[i + 3] !== 255) return false;
  }
  return mean(border(grey(bitmap))) < 64;
}

/** Grey on white paper, or on black paper if everything would be white. */
function visibleGrey(bitmap: Bitmap): Plane {
  const onWhite = grey(bitmap);
  return onWhite.values.every((value) => value > 255 - MIN_CONTRAST) ? grey(bitmap, 0) : onWhite;
}

function cropToInk(ink: Plane): Plane {
  const { left, top, right, bottom } = litBox(ink.values, ink.width, ink.height);
  return crop(ink, left, top, right - left, bottom - top);
}

/** Widens the strokes of a thin pen to what is usual in MNIST. They would be too faint in the box. */
function thicken(digit: Plane): Plane {
  const { width, height } = digit;
  const side = Math.max(width, height);
  // Blur first, because noise and the grain of chalk have edges too. The margin saves checks at the border.
  const { values } = crop(blur(digit, Math.round(side / 80)), -1, -1, width + 2, height + 2);
  const isPaper = (i: number) => values[i] <= 127;
  let [area, edges] = [0, 0];
  for (let i = 0; i < values.length; i++) {
    if (isPaper(i)) continue;
    area++;
    edges += [i - 1, i + 1, i - width - 2, i + width + 2].filter(isPaper).length;
  }
  const stroke = (2 * area) / Math.max(1, edges);
  // r more pixels on each side make the digit side + 2 r pixels long. The box then scales it to BOX.
  const radius = (MIN_STROKE * side - BOX * stroke) / (2 * (BOX - MIN_STROKE));
  if (radius < 0.25) return digit;
  const margin = Math.round(radius);
  return growRound(crop(digit, -margin, -margin, width + 2 * margin, height + 2 * margin), radius);
}

function fitBox(digit: Plane): Plane {
  const scale = BOX / Math.max(digit.width, digit.height);
  const fit = (length: number) => Math.min(BOX, Math.max(1, Math.round(length * scale)));
  return resizeByArea(digit, fit(digit.width), fit(digit.height));
}

/** Moves the centre of mass to the middle by whole pixels. As in MNIST, it ends up between 14.0 and 15.0. */
function centre(box: Plane): Plane {
  let [mass, sumX, sumY] = [0, 0, 0];
  box.values.forEach((value, i) => {
    mass += value;
    sumX += value * ((i % box.width) + 0.5);
    sumY += value * (Math.floor(i / box.width) + 0.5);
  });
  const offset = (sum: number, length: number) =>
    Math.min(SIZE - length, Math.max(0, Math.ceil(SIZE / 2 - sum / mass)));
  return crop(box, -offset(sumX, box.width), -offset(sumY, box.height), SIZE, SIZE);
}
