/** Digits drawn from a seed with any pen on any paper. */
import { randomUniform } from '../../src/data/index';
import type { Bitmap } from '../../src/image/index';

// In jest, looking up a global costs more than the arithmetic.
const { cos, floor, max, min, PI, round, sin, sqrt } = Math;

type Point = [x: number, y: number];

/** The strokes of each digit in a 1×1 box: `x y x y …`. With `~` a smooth curve, without it a polyline. */
const DIGITS = [
  ['~ .62 .02 .3 .1 .12 .5 .25 .92 .5 .98 .75 .85 .86 .45 .75 .1 .5 .03'],
  ['.3 .22 .52 0 .52 1'],
  ['~ .1 .25 .25 .05 .55 0 .82 .15 .8 .4 .5 .68 .1 .98', '.1 .98 .92 .98'],
  ['~ .12 .14 .4 .01 .75 .1 .76 .32 .42 .47', '~ .42 .47 .82 .56 .88 .82 .5 1 .1 .88'],
  ['.2 0 .14 .5 .85 .5', '.78 .02 .74 1'],
  ['.9 0 .2 0 .15 .45 .7 .42 .9 .6 .85 .85 .65 1 .1 1'],
  ['~ .55 0 .25 .4 .15 .75 .4 1 .75 .9 .78 .64 .5 .54 .2 .7'],
  ['.1 .04 .88 .02 .42 1', '.3 .5 .82 .48'],
  ['~ .75 .08 .35 .03 .25 .25 .7 .6 .72 .9 .4 1 .22 .8 .5 .5 .78 .2 .7 .06'],
  ['~ .82 .28 .6 .02 .25 .1 .18 .36 .45 .52 .78 .36 .84 .12', '.82 .14 .76 1'],
];

export interface Drawing {
  bitmap: Bitmap;
  label: number;
  darkOnLight: boolean;
}

export interface DrawOptions {
  label: number;
  width: number;
  height: number;
  /** Height of the digit, as a share of the shorter side. Its centre, as a share of width and height. */
  size: number;
  x: number;
  y: number;
  /** Stroke width, as a share of the digit's height. */
  stroke: number;
  /** In radians. Shift of x as a share of y. Width as a share of height. */
  rotation: number;
  shear: number;
  aspect: number;
  /** Grey levels. */
  ink: number;
  paper: number;
  /** The share by which the picture gets darker in the direction `shadeAngle`, and towards the corners. */
  shade: number;
  shadeAngle: number;
  vignette: number;
  /** Standard deviation in grey levels. */
  noise: number;
  /** How far points move at random, as a share of the digit's height. */
  wobble: number;
  seed: number;
}

export function draw(o: DrawOptions): Bitmap {
  const random = randomUniform(o.seed);
  const height = o.size * min(o.width, o.height);
  const [c, s] = [cos(o.rotation), sin(o.rotation)];
  const place = ([x, y]: Point): Point => {
    const v = y - 0.5 + o.wobble * (random() - 0.5);
    const u = o.aspect * (x - 0.5 + o.wobble * (random() - 0.5)) - o.shear * v;
    return [o.x * o.width + height * (u * c - v * s), o.y * o.height + height * (u * s + v * c)];
  };
  const lines = DIGITS[o.label].map((stroke) => pointsOf(stroke, place));
  const coverage = inkCoverage(lines, o.width, o.height, max(1, o.stroke * height) / 2);
  const data = new Uint8ClampedArray(4 * o.width * o.height);
  const normal = () => 2 * (random() + random() + random() - 1.5); // nearly
  for (let i = 0; i < coverage.length; i++) {
    const [x, y] = [(i % o.width) / o.width - 0.5, floor(i / o.width) / o.height - 0.5];
    const slope = 0.5 + x * cos(o.shadeAngle) + y * sin(o.shadeAngle);
    const light = 1 - o.shade * slope - o.vignette * 2 * (x * x + y * y);
    const value = light * (o.paper + (o.ink - o.paper) * coverage[i]);
    data.fill(round(value + (o.noise && o.noise * normal())), 4 * i, 4 * i + 3);
    data[4 * i + 3] = 255;
  }
  return { data, width: o.width, height: o.height };
}

/** `count` drawings of all digits, half of them dark on light, half light on dark. */
export function drawings(count: number, seed: number): Drawing[] {
  const random = randomUniform(seed);
  const between = (low: number, high: number) => low + (high - low) * random();
  return Array.from({ length: count }, (_, i) => {
    const label = i % 10;
    const darkOnLight = (i + floor(i / 10)) % 2 === 0;
    const width = round(60 * 10 ** random());
    const light = between(170, 255);
    const dark = between(10, 90);
    const size = between(0.4, 0.85);
    const slack = (1 - size) / 2.5;
    const bitmap = draw({
      label,
      width,
      height: min(600, round(width * between(0.8, 1.3))),
      size,
      x: 0.5 + between(-slack, slack),
      y: 0.5 + between(-slack, slack),
      stroke: between(0.03, 0.14),
      rotation: between(-0.2, 0.2),
      shear: between(-0.1, 0.3),
      aspect: between(0.55, 0.8),
      ink: darkOnLight ? dark : light,
      paper: darkOnLight ? light : dark,
      shade: i % 3 === 0 ? between(0.2, 0.55) : 0,
      shadeAngle: between(0, 2 * PI),
      vignette: i % 3 === 1 ? between(0.1, 0.3) : 0,
      noise: i % 2 === 0 ? between(0, 10) : 0,
      wobble: 0.05,
      seed: seed * 1000 + i,
    });
    return { bitmap, label, darkOnLight };
  });
}

function pointsOf(stroke: string, place: (point: Point) => Point): Point[] {
  const numbers = stroke.replace('~', '').trim().split(/\s+/).map(Number);
  const points: Point[] = [];
  for (let i = 0; i < numbers.length; i += 2) points.push(place([numbers[i], numbers[i + 1]]));
  if (!stroke.startsWith('~')) return points;
  // Catmull-Rom: passes through all points, each in the direction from the previous to the next.
  const at = (i: number) => points[min(points.length - 1, max(0, i))];
  const curve: Point[] = [points[0]];
  for (let i = 0; i + 1 < points.length; i++) {
    const [p, q, r, s] = [at(i - 1), at(i), at(i + 1), at(i + 2)];
    for (let t = 0.125; t <= 1; t += 0.125) {
      const along = (k: 0 | 1) =>
        q[k] +
        (t * (r[k] - p[k])) / 2 +
        t * t * (p[k] - 2.5 * q[k] + 2 * r[k] - s[k] / 2) +
        t * t * t * (1.5 * (q[k] - r[k]) + (s[k] - p[k]) / 2);
      curve.push([along(0), along(1)]);
    }
  }
  return curve;
}

/** [height, width]: 1 inside the strokes of a round pen. It falls to 0 within one pixel at the edge. */
function inkCoverage(lines: Point[][], width: number, height: number, radius: number) {
  const coverage = new Float32Array(width * height);
  for (const line of lines) {
    for (let k = 0; k + 1 < line.length; k++) {
      const [[ax, ay], [bx, by]] = [line[k], line[k + 1]];
      const [dx, dy] = [bx - ax, by - ay];
      const reach = radius + 1;
      const top = max(0, floor(min(ay, by) - reach));
      const bottom = min(height, Math.ceil(max(ay, by) + reach));
      const left = max(0, floor(min(ax, bx) - reach));
      const right = min(width, Math.ceil(max(ax, bx) + reach));
      for (let y = top; y < bottom; y++) {
        for (let x = left; x < right; x++) {
          const [u, v] = [x + 0.5 - ax, y + 0.5 - ay];
          const t = min(1, max(0, (u * dx + v * dy) / (dx * dx + dy * dy || 1)));
          const cover = radius + 0.5 - sqrt((u - t * dx) ** 2 + (v - t * dy) ** 2);
          const i = y * width + x;
          coverage[i] = max(coverage[i], min(1, max(0, cover)));
        }
      }
    }
  }
  return coverage;
}
