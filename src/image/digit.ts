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
  type Box,
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
import { separateDigits, strokeWidth } from './several';

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

/** One of the digits in a picture. */
export interface Digit {
  /** Where it is in the picture, in pixels. */
  box: Box;
  /** The steps to MNIST's form. The pixels [28, 28] of the last one are the input for a network. */
  steps: DigitStep[];
}

/**
 * Finds the digits in `bitmap`, row by row and from left to right, and brings each to MNIST's form.
 * An opaque, grey 28×28 picture with a dark border already has that form and is the only step.
 *
 * Throws InputError if there is no digit, or if `data` is not 4 · width · height long.
 */
export function digitsIn(bitmap: Bitmap): Digit[] {
  const steps: DigitStep[] = [];
  const step = (name: string, plane: Plane): Plane => {
    steps.push({ name, ...toImage(plane) });
    return plane;
  };
  const { width, height } = bitmap;
  if (hasMnistForm(bitmap)) {
    step('MNIST form', grey(bitmap));
    return [{ box: { left: 0, top: 0, right: width, bottom: height }, steps }];
  }
  const picture = step('Grey', reduce(visibleGrey(bitmap), WORK_SIDE));
  if (Math.min(picture.width, picture.height) < MIN_SIDE) {
    throw new InputError(`no digit found: ${width}×${height} pixels are too few`);
  }
  if (quantile(picture.values, 1) - quantile(picture.values, 0) < MIN_CONTRAST) {
    throw new InputError('no digit found: the whole picture has the same brightness');
  }
  const { light, even, ink } = inkIn(picture);
  step('Light on dark', light);
  step('Even light', even);
  step('Ink', ink);
  const scale = width / picture.width;
  const shared = steps.splice(0);
  return separateDigits(ink).map((alone) => {
    const { left, top, right, bottom } = litBox(alone.values, alone.width, alone.height);
    const cut = step('Crop', crop(alone, left, top, right - left, bottom - top));
    step('Centre of mass', centre(step('20×20 box', fitBox(step('Stroke width', thicken(cut))))));
    const [x, y, x2, y2] = [left, top, right, bottom].map((place) => Math.round(place * scale));
    return {
      box: { left: x, top: y, right: x2, bottom: y2 },
      steps: [...shared, ...steps.splice(0)],
    };
  });
}

/** Light ink on black paper. A tight crop may have more ink than paper at its border, so the other reading is tried too. */
function inkIn(picture: Plane): { light: Plane; even: Plane; ink: Plane } {
  const isDark = isDarkOnLight(picture);
  const attempt = (isInverted: boolean) => {
    const light = isInverted ? invert(picture) : picture;
    const even = evenLight(light);
    return { light, even, ink: inkOf(even) };
  };
  try {
    return attempt(isDark);
  } catch (error) {
    try {
      return attempt(!isDark);
    } catch {
      throw error;
    }
  }
}

/** The steps of the only digit in `bitmap`. Throws InputError as `digitsIn` does, and if there are several digits. */
export function digitSteps(bitmap: Bitmap): DigitStep[] {
  return onlyOne(digitsIn(bitmap)).steps;
}

export function onlyOne(digits: Digit[]): Digit {
  if (digits.length > 1) {
    throw new InputError(`${digits.length} digits found, want one. Cut the others off`);
  }
  return digits[0];
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

/** Widens the strokes of a thin pen to what is usual in MNIST. They would be too faint in the box. */
function thicken(digit: Plane): Plane {
  const { width, height } = digit;
  const side = Math.max(width, height);
  // Blur first, because noise and the grain of chalk have edges too.
  const stroke = strokeWidth(blur(digit, Math.round(side / 80)), 127);
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
