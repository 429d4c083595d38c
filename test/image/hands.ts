/** Drawn digits from a seed: skeletons in several hands, with any pen on any paper. */
import { randomUniform } from '../../src/data/index';
import type { Bitmap } from '../../src/image/index';

// Looked up once: in jest, looking up a global costs more than the arithmetic.
const { cos, floor, imul, log, max, min, PI, round, sin, sqrt } = Math;

type Point = [x: number, y: number];

/** Strokes in a 1×1 box: `x y x y …`. With `~` a smooth curve, without it a polyline. */
const HANDS: Record<number, string[][]> = {
  0: [
    ['~ .5 0 .15 .12 .02 .5 .15 .88 .5 1 .85 .88 .98 .5 .85 .12 .5 0'],
    ['~ .62 .02 .3 .1 .12 .5 .25 .92 .5 .98 .75 .85 .86 .45 .75 .1 .5 .03'],
    ['~ .45 .02 .25 .2 .2 .6 .3 .95 .5 1 .68 .9 .8 .5 .72 .12 .45 .02'],
    ['.3 0 .7 0 .95 .25 .95 .75 .7 1 .3 1 .05 .75 .05 .25 .3 0'],
  ],
  1: [['.5 0 .5 1'], ['.3 .22 .52 0 .52 1'], ['.62 0 .4 1'], ['.3 .2 .52 0 .52 1', '.25 1 .8 1']],
  2: [
    ['~ .1 .25 .25 .05 .55 0 .82 .15 .8 .4 .5 .68 .1 .98', '.1 .98 .92 .98'],
    ['~ .12 .2 .45 .02 .78 .14 .76 .4 .45 .72 .15 .92 .12 .99 .3 .9 .5 .94 .75 1 .95 .92'],
    ['.1 .2 .3 .02 .7 .02 .88 .2 .85 .4 .1 1 .92 1'],
    ['~ .15 .12 .5 0 .85 .18 .7 .5 .3 .82 .12 .97 .16 .82 .34 .85 .6 .97 .92 .95'],
  ],
  3: [
    ['~ .12 .14 .4 .01 .75 .1 .76 .32 .42 .47', '~ .42 .47 .82 .56 .88 .82 .5 1 .1 .88'],
    ['.1 .02 .82 .02 .42 .4', '~ .42 .4 .8 .5 .85 .8 .5 .99 .1 .9'],
    ['~ .2 .08 .55 0 .8 .2 .45 .46 .4 .47 .6 .5 .82 .72 .6 .97 .15 .95'],
    ['.15 .05 .7 .02 .85 .2 .7 .42 .35 .48 .7 .52 .9 .75 .7 .98 .12 .95'],
  ],
  4: [
    ['.62 0 .08 .66 .95 .66', '.7 .3 .7 1'],
    ['.2 0 .14 .5 .85 .5', '.78 .02 .74 1'],
    ['.7 1 .7 0 .05 .7 .98 .7'],
    ['~ .22 .03 .12 .42 .3 .56 .8 .48', '.82 .05 .7 1'],
  ],
  5: [
    ['.85 .02 .25 .02 .18 .43', '~ .18 .43 .5 .36 .85 .52 .84 .82 .5 1 .1 .9'],
    ['.3 .05 .22 .45', '~ .22 .45 .55 .4 .8 .6 .75 .88 .45 1 .12 .92', '.3 .04 .88 .02'],
    ['.9 0 .2 0 .15 .45 .7 .42 .9 .6 .85 .85 .65 1 .1 1'],
    ['~ .8 .03 .4 .05 .3 .2 .22 .42 .5 .42 .75 .6 .68 .88 .4 1 .1 .92'],
  ],
  6: [
    ['~ .7 .02 .35 .25 .14 .65 .3 .96 .65 .98 .84 .74 .66 .54 .35 .58 .17 .74'],
    ['~ .55 0 .25 .4 .15 .75 .4 1 .75 .9 .78 .64 .5 .54 .2 .7'],
    ['~ .8 .08 .5 .02 .2 .3 .12 .7 .35 .98 .7 .97 .88 .72 .65 .5 .3 .55 .14 .72'],
    ['.6 0 .2 .5 .15 .8 .35 1 .7 1 .85 .8 .7 .58 .35 .58 .17 .75'],
  ],
  7: [
    ['.08 .03 .9 .03 .4 1'],
    ['.1 .04 .88 .02 .42 1', '.3 .5 .82 .48'],
    ['.1 .15 .1 .03 .9 .03 .5 .5 .42 1'],
    ['~ .1 .08 .5 .06 .92 .02 .6 .45 .45 1'],
  ],
  8: [
    [
      '~ .8 .12 .5 .01 .2 .14 .24 .36 .5 .48 .78 .62 .82 .85 .5 1 .18 .85 .22 .62 .5 .48 .74 .34 .8 .12',
    ],
    [
      '~ .5 0 .24 .1 .24 .34 .5 .45 .76 .34 .76 .1 .5 0',
      '~ .5 .45 .16 .58 .16 .88 .5 1 .84 .88 .84 .58 .5 .45',
    ],
    ['~ .75 .08 .35 .03 .25 .25 .7 .6 .72 .9 .4 1 .22 .8 .5 .5 .78 .2 .7 .06'],
    [
      '~ .5 .02 .3 .12 .32 .36 .5 .44 .68 .36 .7 .12 .5 .02',
      '~ .5 .44 .2 .6 .22 .9 .5 1 .78 .9 .8 .6 .5 .44',
    ],
  ],
  9: [
    ['~ .8 .22 .5 .01 .17 .2 .24 .46 .58 .5 .8 .25', '~ .82 .2 .8 .6 .7 1'],
    ['~ .82 .28 .6 .02 .25 .1 .18 .36 .45 .52 .78 .36 .84 .12', '.82 .14 .76 1'],
    ['~ .8 .25 .55 .02 .2 .2 .3 .48 .6 .46 .82 .15 .82 .6 .6 .96 .2 .95'],
    ['.82 .06 .4 .03 .18 .25 .38 .5 .8 .38', '.83 .05 .76 1'],
  ],
};

export interface Drawing {
  bitmap: Bitmap;
  label: number;
  darkOnLight: boolean;
}

export interface DrawOptions {
  label: number;
  /** 0 to 3. */
  hand: number;
  width: number;
  height: number;
  /** Height of the digit as a share of the shorter side; its middle as a share of width and height. */
  size: number;
  x: number;
  y: number;
  /** Stroke width, as a share of the digit's height. */
  stroke: number;
  /** In radians; shift of x as a share of y; width as a share of height. */
  rotation: number;
  shear: number;
  aspect: number;
  /** Grey levels. */
  ink: number;
  paper: number;
  /** How much darker the picture gets in the direction `shadeAngle`, and towards the corners. Shares. */
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
  const lines = HANDS[o.label][o.hand].map((stroke) => pointsOf(stroke, place));
  const coverage = inkCoverage(lines, o.width, o.height, max(1, o.stroke * height) / 2);
  const data = new Uint8ClampedArray(4 * o.width * o.height);
  const normal = normals(o.seed);
  for (let i = 0; i < coverage.length; i++) {
    const [x, y] = [(i % o.width) / o.width - 0.5, floor(i / o.width) / o.height - 0.5];
    const slope = 0.5 + x * cos(o.shadeAngle) + y * sin(o.shadeAngle);
    const light = 1 - o.shade * slope - o.vignette * 2 * (x * x + y * y);
    const value = light * (o.paper + (o.ink - o.paper) * coverage[i]);
    data.fill(round(value + o.noise * normal()), 4 * i, 4 * i + 3);
    data[4 * i + 3] = 255;
  }
  return { data, width: o.width, height: o.height };
}

/** `count` drawings of all digits in all hands, half dark on light, half light on dark. */
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
      hand: floor(i / 10) % 4,
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
  // Catmull-Rom: through all points, each in the direction from the previous to the next.
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

/** [height, width]: 1 inside the strokes of a round pen, falling to 0 within a pixel at their edge. */
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

/** Standard normal numbers, drawn from a table of a thousand because a picture needs many. */
function normals(seed: number): () => number {
  const random = randomUniform(seed);
  const table = Float32Array.from({ length: 1024 }, () => {
    return sqrt(-2 * log(1 - random())) * cos(2 * PI * random());
  });
  let state = seed;
  return () => {
    state = (imul(state, 1664525) + 1013904223) | 0; // Numerical Recipes
    return table[state >>> 22];
  };
}
