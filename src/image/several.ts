/** Tells whether a picture shows several digits, and separates them. */
import { type Box, components, type Plane } from './raster';

/** Parts that are lower than this belong to a higher one: the bar of a 5. A share of the highest part's height. */
const MIN_HEIGHT = 0.5;
/** So do dots and dashes. In stroke widths. */
const MIN_STROKES = 2.5;
/** Two digits side by side are about equally high: each has this share of the height of both. The strokes of a 4 do not. */
const EQUAL_HEIGHT = 0.65;
/** They overlap by at most this share of the narrower one's width. A slanted 7 reaches over its neighbour. */
const MAX_OVERLAP = 0.3;
/** Between two digits one above the other, in stroke widths. Broken strokes are closer. */
const MIN_GAP = 1.5;

/** A wider digit may be two that touch. Of MNIST's 10,000 test images 1.1% are wider; of touching pairs, nearly all. */
const MAX_ASPECT = 1.4;

interface Part extends Box {
  pixels: number[];
}

/**
 * One plane for each digit in `ink`, row by row and from left to right, with the pixels of the others 0. Digits that
 * touch each other are not separated, see `isWide`. Of MNIST's 10,000 test images, three are taken for two digits.
 */
export function separateDigits(ink: Plane): Plane[] {
  const digits = inReadingOrder(digitsOf(ink));
  if (digits.length <= 1) return [ink];
  return digits.map(({ pixels }) => {
    const values = new Float32Array(ink.values.length);
    for (const i of pixels) values[i] = ink.values[i];
    return { ...ink, values };
  });
}

/** Whether what is in `box` is too wide for one digit: several that touch, perhaps. */
export function isWide({ left, top, right, bottom }: Box): boolean {
  return right - left > MAX_ASPECT * (bottom - top);
}

function digitsOf(ink: Plane): Part[] {
  const parts = components(ink).map((pixels) => partOf(pixels, ink.width));
  const stroke = strokeWidth(ink, 0);
  const highest = Math.max(0, ...parts.map(heightOf));
  const isHigh = (part: Part) =>
    heightOf(part) >= Math.max(MIN_HEIGHT * highest, MIN_STROKES * stroke);
  const digits: Part[] = [];
  for (const part of parts.filter(isHigh)) {
    let whole = part;
    for (const other of digits.filter((digit) => !areSeparate(digit, part, stroke))) {
      digits.splice(digits.indexOf(other), 1);
      whole = joined(whole, other);
    }
    digits.push(whole);
  }
  for (const part of parts.filter((each) => !isHigh(each))) {
    const distances = digits.map((digit) =>
      Math.hypot(gap(digit, part, 'x'), gap(digit, part, 'y')),
    );
    const nearest = distances.indexOf(Math.min(...distances));
    if (nearest >= 0) digits[nearest] = joined(digits[nearest], part);
  }
  return digits;
}

function areSeparate(a: Part, b: Part, stroke: number): boolean {
  const both = heightOf(joined(a, b));
  const lower = Math.min(heightOf(a), heightOf(b));
  const narrower = Math.min(a.right - a.left, b.right - b.left);
  const areSideBySide =
    lower >= EQUAL_HEIGHT * both && -signedGap(a, b, 'x') <= MAX_OVERLAP * narrower;
  return areSideBySide || gap(a, b, 'y') >= Math.max(MIN_GAP * stroke, 0.1 * lower);
}

const ENDS = { x: ['left', 'right'], y: ['top', 'bottom'] } as const;

/** The distance between the boxes along an axis; negative if they overlap. */
function signedGap(a: Box, b: Box, axis: 'x' | 'y'): number {
  const [start, end] = ENDS[axis];
  return Math.max(a[start], b[start]) - Math.min(a[end], b[end]);
}

const gap = (a: Box, b: Box, axis: 'x' | 'y') => Math.max(0, signedGap(a, b, axis));
const heightOf = ({ top, bottom }: Box) => bottom - top;

function joined(a: Part, b: Part): Part {
  return {
    pixels: [...a.pixels, ...b.pixels],
    left: Math.min(a.left, b.left),
    top: Math.min(a.top, b.top),
    right: Math.max(a.right, b.right),
    bottom: Math.max(a.bottom, b.bottom),
  };
}

function partOf(pixels: number[], width: number): Part {
  const box = { left: width, top: Number.POSITIVE_INFINITY, right: 0, bottom: 0 };
  for (const i of pixels) {
    const [x, y] = [i % width, Math.floor(i / width)];
    box.left = Math.min(box.left, x);
    box.right = Math.max(box.right, x + 1);
    box.top = Math.min(box.top, y);
    box.bottom = Math.max(box.bottom, y + 1);
  }
  return { pixels, ...box };
}

/** Rows from top to bottom, each from left to right. A digit whose middle is beside another is in the same row. */
function inReadingOrder(digits: Part[]): Part[] {
  const rows: Part[][] = [];
  for (const digit of digits.sort((a, b) => a.top + a.bottom - b.top - b.bottom)) {
    const row = rows.at(-1);
    if (row && digit.top + digit.bottom < 2 * row[0].bottom) row.push(digit);
    else rows.push([digit]);
  }
  return rows.flatMap((row) => row.sort((a, b) => a.left - b.left));
}

/** The mean width of the strokes: twice their area divided by the length of their edges, where values exceed `paper`. */
export function strokeWidth({ values, width, height }: Plane, paper: number): number {
  const isPaper = (i: number, isInside: boolean) => !isInside || values[i] <= paper;
  let [area, edges] = [0, 0];
  for (let i = 0; i < values.length; i++) {
    if (values[i] <= paper) continue;
    const x = i % width;
    area++;
    edges +=
      Number(isPaper(i - 1, x > 0)) +
      Number(isPaper(i + 1, x < width - 1)) +
      Number(isPaper(i - width, i >= width)) +
      Number(isPaper(i + width, i + width < width * height));
  }
  return (2 * area) / Math.max(1, edges);
}
