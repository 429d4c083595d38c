/**
 * From a picture of a digit to 28×28 as MNIST was made, in steps that can be looked at.
 *
 * MNIST's page (LeCun, Cortes, Burges): "The original black and white (bilevel) images from NIST were size
 * normalized to fit in a 20x20 pixel box while preserving their aspect ratio. The resulting images contain
 * grey levels as a result of the anti-aliasing technique used by the normalization algorithm. The images were
 * centered in a 28x28 image by computing the center of mass of the pixels, and translating the image so as
 * to position this point at the center of the 28x28 field."
 *
 * NIST's scans were bilevel already. A photo is not: the steps before the box make it nearly so. No
 * TensorFlow and no Node here: it runs in a browser as well.
 */
import { checkObject, InputError } from '../errors';
import {
  blur,
  type Component,
  components,
  crop,
  erode,
  extend,
  grow,
  growRound,
  mapPlane,
  otsu,
  type Plane,
  quantile,
  resizeByArea,
} from './raster';

/** A picture in colour, as a canvas and jimp have it. */
export interface Bitmap {
  /** [height, width, 4]: red, green, blue, alpha. */
  data: ArrayLike<number>;
  width: number;
  height: number;
}

export interface GreyImage {
  /** [height, width], 0 (black) to 255 (white). */
  pixels: Uint8Array;
  height: number;
  width: number;
}

/** What a picture has become after a step. */
export interface DigitStep extends GreyImage {
  name: string;
}

/** Height and width of MNIST's images, and of the box that the digit fills. */
const SIZE = 28;
const BOX = 20;
/** Larger pictures are reduced first: nothing of a digit is lost, and noise is. */
const WORK_SIDE = 512;
/** The paper's light is estimated on a picture of this side. */
const LIGHT_SIDE = 64;
/** Of 255: what differs less from the paper is no ink. */
const MIN_CONTRAST = 20;
/** How far ink must lie from paper, in standard deviations of the paper: noise parted in two has 2.7 to 3.5. */
const MIN_SEPARATION = 4.5;
/** How far ink must lie from paper, in medians of what differs from one pixel to the next: noise has 3. */
const MIN_GRAINS = 5;
/** In pixels: the shorter side of a picture and the longer one of a digit. */
const MIN_SIDE = 6;
/** The longer side of a digit, as a share of the picture's. */
const MIN_DIGIT = 0.03;
/** A part of a digit has at least this share of the largest part's pixels; what is smaller is a speck. */
const MIN_PART = 0.04;
/** Strokes are at least this wide in the box, in pixels. Of MNIST's, three in four are. */
const MIN_STROKE = 1.65;

/**
 * The steps from `bitmap` to MNIST's form; the last one's pixels [28, 28] are what a network is to be given.
 * A grey, opaque 28×28 picture with a dark border has that form already and is the only step.
 *
 * Throws InputError when there is no digit in it, or `data` is not 4 · width · height long.
 */
export function digitSteps(bitmap: Bitmap): DigitStep[] {
  checkBitmap(bitmap);
  const steps: DigitStep[] = [];
  const step = (name: string, plane: Plane): Plane => {
    steps.push({ name, ...toImage(plane) });
    return plane;
  };
  if (hasMnistForm(bitmap)) {
    step('MNIST form', grey(bitmap, 255));
    return steps;
  }
  const picture = step('Grey', reduce(visibleGrey(bitmap), WORK_SIDE));
  if (Math.min(picture.width, picture.height) < MIN_SIDE) {
    throw new InputError(`no digit in it: ${bitmap.width}×${bitmap.height} pixels are too few`);
  }
  if (quantile(picture.values, 1) - quantile(picture.values, 0) < MIN_CONTRAST) {
    throw new InputError('no digit in it: everything is of one brightness');
  }
  const light = step('Light on dark', isDarkOnLight(picture) ? invert(picture) : picture);
  const even = step('Even light', evenLight(light));
  const ink = step('Ink', inkOf(even));
  const digit = step('Stroke width', thicken(step('Crop', cropToInk(ink))));
  const box = step('20×20 box', fitBox(digit));
  step('Centre of mass', centre(box));
  return steps;
}

/** Grey of an opaque or transparent picture, as it is: ITU-R 601 luma, as PIL's mode `L`, over white paper. */
export function greyImage(bitmap: Bitmap): GreyImage {
  checkBitmap(bitmap);
  return toImage(grey(bitmap, 255));
}

function checkBitmap(bitmap: Bitmap): void {
  checkObject('the picture', bitmap, ['data', 'width', 'height']);
  const { data, width, height } = bitmap;
  if (!(width >= 1 && height >= 1 && data.length === 4 * width * height)) {
    throw new InputError(`${data.length} bytes are not a picture of ${width}×${height}, 4 a pixel`);
  }
}

function hasMnistForm({ data, width, height }: Bitmap): boolean {
  if (width !== SIZE || height !== SIZE) return false;
  for (let i = 0; i < data.length; i += 4) {
    if (data[i] !== data[i + 1] || data[i] !== data[i + 2] || data[i + 3] !== 255) return false;
  }
  return mean(border(grey({ data, width, height }, 255))) < 64;
}

function grey({ data, width, height }: Bitmap, paper: number): Plane {
  const values = new Float32Array(width * height);
  for (let i = 0, p = 0; i < values.length; i++, p += 4) {
    const alpha = data[p + 3];
    const rest = paper * (255 - alpha);
    const red = ((data[p] * alpha + rest) / 255 + 0.5) | 0;
    const green = ((data[p + 1] * alpha + rest) / 255 + 0.5) | 0;
    const blue = ((data[p + 2] * alpha + rest) / 255 + 0.5) | 0;
    values[i] = (red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16;
  }
  return { values, width, height };
}

/** Transparency shows white paper; or black, where something white would not be seen on white. */
function visibleGrey(bitmap: Bitmap): Plane {
  const onWhite = grey(bitmap, 255);
  if (!onWhite.values.every((value) => value > 255 - MIN_CONTRAST)) return onWhite;
  return grey(bitmap, 0);
}

function reduce(plane: Plane, side: number): Plane {
  const scale = side / Math.max(plane.width, plane.height);
  if (scale >= 1) return plane;
  const shrunk = (length: number) => Math.max(1, Math.round(length * scale));
  return resizeByArea(plane, shrunk(plane.width), shrunk(plane.height));
}

function invert(plane: Plane): Plane {
  return mapPlane(plane, (value) => 255 - value);
}

/** The paper's light behind light ink: what is left where everything narrow is wiped off, and `margin` more. */
function background(plane: Plane, margin = 0): Plane {
  const small = blur(reduce(plane, LIGHT_SIDE), 1);
  // A third of the picture is wider than any stroke, and narrower than most shadows.
  const radius = Math.max(1, Math.round(Math.max(small.width, small.height) / 6));
  const paper = grow(erode(extend(small, radius), radius), radius + margin);
  return blur(crop(paper, radius, radius, small.width, small.height), 2);
}

/**
 * Ink is what is wiped off and leaves smooth paper, at one with the border; if paper is wiped off, the digit
 * stands there as a blot. A mean or a median could not tell ink in the sun from paper in the shade.
 */
function isDarkOnLight(picture: Plane): boolean {
  const light = background(picture);
  const dark = background(invert(picture));
  const small = blur(reduce(picture, LIGHT_SIDE), 1);
  return roughness(dark, invert(small)) < roughness(light, small);
}

function roughness(paper: Plane, picture: Plane): number {
  const { values, width, height } = paper;
  let bends = 0;
  for (let i = 0; i < values.length; i++) {
    const [x, y] = [i % width, Math.floor(i / width)];
    const bend = (step: number) => Math.abs(values[i - step] - 2 * values[i] + values[i + step]);
    if (x > 0 && x < width - 1) bends += bend(1);
    if (y > 0 && y < height - 1) bends += bend(width);
  }
  const edge = border(picture);
  const mismatch = mean(border(paper).map((value, i) => Math.abs(value - edge[i])));
  return bends / Math.max(width, height) + mismatch;
}

/** Light ink on black: how far each pixel is from its paper to white, so that ink in the shade counts as much. */
function evenLight(light: Plane): Plane {
  // With a margin of what the blurs mix, no line is drawn where a shadow ends.
  const small = background(light, 4);
  const cell = Math.ceil(light.width / small.width);
  const paper = blur(resizeByArea(small, light.width, light.height), cell);
  return mapPlane(light, (value, i) => {
    const ink = value - paper.values[i];
    const most = 255 - paper.values[i];
    return ink <= 0 ? 0 : (255 * ink) / (most < 32 ? 32 : most);
  });
}

/** Black where there is no ink, white in the middle of strokes; specks and what hangs on the border go. */
function inkOf(even: Plane): Plane {
  const smooth = Math.min(even.width, even.height) >= 60 ? blur(even, 1) : even;
  const threshold = otsu(smooth.values);
  const paper = smooth.values.filter((value) => value <= threshold);
  const strokes = smooth.values.filter((value) => value > threshold);
  const [paperMean, inkMean] = [mean(paper), mean(strokes)];
  const noise = Math.sqrt(mean(paper.map((value) => (value - paperMean) ** 2)));
  const contrast = inkMean - paperMean;
  // Fine noise is in every pixel, strokes are in few.
  const fine = blur(even, 1);
  const differences = mapPlane(even, (value, i) => {
    return value > fine.values[i] ? value - fine.values[i] : fine.values[i] - value;
  });
  const grain = quantile(differences.values, 0.5);
  if (
    strokes.length === 0 ||
    contrast < MIN_CONTRAST ||
    contrast < MIN_SEPARATION * noise ||
    contrast < MIN_GRAINS * grain ||
    strokes.length > paper.length
  ) {
    throw new InputError('no digit in it: no strokes stand out from the background');
  }
  const low = paperMean + Math.max(0.15 * contrast, 3 * noise);
  const high = Math.max(
    low + 1,
    quantile(
      even.values.filter((value) => value > threshold),
      0.75,
    ),
  );
  const parts = components(mapPlane(smooth, (value) => (value > low ? 1 : 0))).filter(
    ({ pixels }) => pixels.some((i) => smooth.values[i] > threshold),
  );
  const values = new Float32Array(even.values.length);
  for (const { pixels } of digitParts(parts, even)) {
    for (const i of pixels) {
      values[i] = 255 * Math.min(1, Math.max(0, (even.values[i] - paperMean) / (high - paperMean)));
    }
  }
  return { ...even, values };
}

/** The bar of a 5 stays; specks go, and frames, table edges and ruled lines if there is more than they. */
function digitParts(parts: Component[], { width, height }: Plane): Component[] {
  const touches = ({ left, top, right, bottom }: Component) =>
    left === 0 || top === 0 || right === width || bottom === height;
  const largest = (list: Component[]) =>
    list.reduce((most, { pixels }) => Math.max(most, pixels.length), 0);
  const inside = parts.filter((part) => !touches(part));
  const outside = parts.filter(touches);
  const digit = largest(inside) * 4 >= largest(outside) ? inside : outside;
  const kept = digit.filter(({ pixels }) => pixels.length >= MIN_PART * largest(digit));
  const rim = kept.flatMap(({ pixels }) => pixels).filter((i) => isOnBorder(i, width, height));
  if (rim.length > width + height) throw new InputError('no digit in it: only a frame');
  const [w, h] = extent(kept);
  if (Math.max(w, h) < Math.max(MIN_SIDE, MIN_DIGIT * Math.max(width, height))) {
    throw new InputError('no digit in it: only specks');
  }
  return kept;
}

function extent(parts: Component[]): [number, number, number, number] {
  const left = Math.min(...parts.map((part) => part.left));
  const top = Math.min(...parts.map((part) => part.top));
  const right = Math.max(...parts.map((part) => part.right));
  const bottom = Math.max(...parts.map((part) => part.bottom));
  return [right - left, bottom - top, left, top];
}

function cropToInk(ink: Plane): Plane {
  const [width, height, left, top] = extent(components(ink));
  return crop(ink, left, top, width, height);
}

/** A thin pen's strokes would be hardly seen in the box: they grow to what is usual in MNIST. */
function thicken(digit: Plane): Plane {
  const { width, height } = digit;
  const side = Math.max(width, height);
  // Smooth, since noise and the grain of chalk have rims too.
  const { values } = blur(digit, Math.round(side / 80));
  let [area, edges] = [0, 0];
  const isInk = (x: number, y: number) =>
    x >= 0 && y >= 0 && x < width && y < height && values[y * width + x] > 127;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (!isInk(x, y)) continue;
      area++;
      const sides = [isInk(x - 1, y), isInk(x + 1, y), isInk(x, y - 1), isInk(x, y + 1)];
      edges += sides.filter((ink) => !ink).length;
    }
  }
  const stroke = (2 * area) / Math.max(1, edges);
  // Growing makes the digit larger too: r at each side, of which the box has BOX / (side + 2 r) each.
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

/** Moves the centre of mass to the middle, by whole pixels and to where it is in MNIST: 14.0 up to 15.0. */
function centre(box: Plane): Plane {
  let [mass, sumX, sumY] = [0, 0, 0];
  box.values.forEach((value, i) => {
    mass += value;
    sumX += value * ((i % box.width) + 0.5);
    sumY += value * (Math.floor(i / box.width) + 0.5);
  });
  const place = (sum: number, length: number) =>
    Math.min(SIZE - length, Math.max(0, Math.ceil(SIZE / 2 - sum / mass)));
  return crop(box, -place(sumX, box.width), -place(sumY, box.height), SIZE, SIZE);
}

function border({ values, width, height }: Plane): Float32Array {
  return values.filter((_, i) => isOnBorder(i, width, height));
}

function isOnBorder(i: number, width: number, height: number): boolean {
  const x = i % width;
  return x === 0 || x === width - 1 || i < width || i >= width * (height - 1);
}

function mean(values: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i];
  return sum / Math.max(1, values.length);
}

function toImage({ values, width, height }: Plane): GreyImage {
  const pixels = new Uint8Array(values.length);
  for (let i = 0; i < pixels.length; i++) pixels[i] = values[i] + 0.5;
  return { pixels, width, height };
}
