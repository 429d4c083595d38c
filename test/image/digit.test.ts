import { loadDataset } from '../../src/data/index';
import { type Bitmap, type DigitStep, digitSteps } from '../../src/image/index';
import { tf } from '../../src/tf/index';
import { type DrawOptions, draw, drawings } from './hands';

const plain: DrawOptions = {
  label: 2,
  width: 200,
  height: 240,
  size: 0.6,
  x: 0.45,
  y: 0.55,
  stroke: 0.12,
  rotation: 0.05,
  shear: 0.1,
  aspect: 0.7,
  ink: 20,
  paper: 240,
  shade: 0,
  shadeAngle: 0.6,
  vignette: 0,
  noise: 0,
  wobble: 0.02,
  seed: 3,
};

// Every digit three times. The steps are computed once.
const drawn = drawings(30, 1);
let taken: DigitStep[][] | undefined;
function stepsOfDrawn(): DigitStep[][] {
  taken ??= drawn.map(({ bitmap }) => digitSteps(bitmap));
  return taken;
}

const last = (steps: DigitStep[]): Uint8Array => {
  const step = steps[steps.length - 1];
  expect([step.width, step.height]).toEqual([28, 28]);
  return step.pixels;
};
const mnistForm = (bitmap: Bitmap) => last(digitSteps(bitmap));

/** A grey picture of f(x, y). */
function picture(width: number, height: number, f: (x: number, y: number) => number): Bitmap {
  const data = new Uint8ClampedArray(4 * width * height).fill(255);
  for (let i = 0; i < width * height; i++) {
    data.fill(f(i % width, Math.floor(i / width)), 4 * i, 4 * i + 3);
  }
  return { data, width, height };
}

function meanDifference(a: Uint8Array, b: Uint8Array): number {
  expect(a.length).toBe(b.length);
  return a.reduce((sum, value, i) => sum + Math.abs(value - b[i]), 0) / a.length;
}

/** Size and centre of mass of the pixels that are not black. */
function geometry(pixels: Uint8Array) {
  const lit = [...pixels.keys()].filter((i) => pixels[i] > 0);
  const [xs, ys] = [lit.map((i) => i % 28), lit.map((i) => Math.floor(i / 28))];
  const mass = lit.reduce((sum, i) => sum + pixels[i], 0);
  const middle = (places: number[]) =>
    lit.reduce((sum, i, k) => sum + pixels[i] * (places[k] + 0.5), 0) / mass;
  return {
    width: Math.max(...xs) + 1 - Math.min(...xs),
    height: Math.max(...ys) + 1 - Math.min(...ys),
    centre: [middle(xs), middle(ys)],
  };
}

test('the names of the steps and the sizes of their pictures', () => {
  const steps = digitSteps(draw(plain));
  expect(steps.map(({ name }) => name).join(', ')).toBe(
    'Grey, Light on dark, Even light, Ink, Crop, Stroke width, 20×20 box, Centre of mass',
  );
  for (const { pixels, width, height } of steps) expect(pixels.length).toBe(width * height);
  const [grey, light, , ink, crop, , box] = steps;
  expect([grey.width, grey.height]).toEqual([200, 240]);
  expect(light.pixels).toEqual(grey.pixels.map((value) => 255 - value));
  expect([ink.pixels[0], Math.max(...ink.pixels)]).toEqual([0, 255]);
  // Drawn 120 high, plus the width of the pen.
  expect(crop.height).toBeGreaterThan(120);
  expect(crop.height).toBeLessThan(145);
  expect(Math.max(box.width, box.height)).toBe(20);
  expect(box.width / box.height).toBeCloseTo(crop.width / crop.height, 1);
});

test('box and centre of mass of every drawing are as in MNIST', () => {
  const { pixels } = loadDataset('test');
  // MNIST itself passes the same checks.
  const images: Uint8Array[] = Array.from({ length: 100 }, (_, i) =>
    pixels.slice(784 * i, 784 * (i + 1)),
  );
  images.push(...stepsOfDrawn().map(last));
  for (const image of images) {
    const { width, height, centre } = geometry(image);
    expect(Math.max(width, height)).toBeGreaterThanOrEqual(19); // 20, minus a rim that rounds to black
    expect(Math.max(width, height)).toBeLessThanOrEqual(20);
    for (const place of centre) {
      expect(place).toBeGreaterThanOrEqual(13.95); // rounding to bytes moves it a little
      expect(place).toBeLessThan(15.05);
    }
  }
});

test('dark on light and light on dark give the same bytes', () => {
  for (const shade of [0, 0.4]) {
    const dark = draw({ ...plain, shade, noise: 4 });
    const light = {
      ...dark,
      data: Uint8ClampedArray.from(dark.data, (v, i) => (i % 4 === 3 ? v : 255 - v)),
    };
    expect(mnistForm(light)).toEqual(mnistForm(dark));
  }
});

test('dark ink is distinguished from light ink in every drawing, even in the shade', () => {
  stepsOfDrawn().forEach(([grey, light], i) => {
    const [before, after] = [grey, light].map(({ pixels }) => Buffer.from(pixels));
    expect(before.equals(after)).toBe(!drawn[i].darkOnLight);
  });
});

test('size and position of the digit, and the light, do not matter', () => {
  const reference = mnistForm(draw(plain));
  // The limit for the mean difference of the 28×28 pixels. A shift by one pixel would give 20 to 30.
  const others: [number, Partial<DrawOptions>][] = [
    [4, { width: 600, height: 720 }],
    [4, { width: 1500, height: 1100 }], // reduced first
    [12, { width: 80, height: 96 }], // of 48 pixels
    [12, { size: 0.35, x: 0.3, y: 0.7 }],
    [4, { shade: 0.5, vignette: 0.2 }],
    [8, { shade: 0.5, noise: 8 }],
    [1, { ink: 150, paper: 200 }],
  ];
  for (const [most, other] of others) {
    const difference = meanDifference(mnistForm(draw({ ...plain, ...other })), reference);
    expect([other, difference < most]).toEqual([other, true]);
  }
});

test('thin strokes become as bright as thick ones', () => {
  const thin = mnistForm(draw({ ...plain, width: 600, height: 720, stroke: 0.005 }));
  expect(thin.filter((value) => value > 150).length).toBeGreaterThan(40);
  expect(meanDifference(thin, mnistForm(draw({ ...plain, stroke: 0.09 })))).toBeLessThan(12);
});

test("MNIST's digits are recovered from noisy pictures on paper, ten times as large", () => {
  const { pixels } = loadDataset('test');
  const noise = draw({ ...plain, width: 280, height: 280, ink: 128, paper: 128, noise: 7 });
  const differences = Array.from({ length: 20 }, (_, k) => {
    const digit = pixels.slice(784 * k, 784 * (k + 1));
    const paper = picture(280, 280, (x, y) => {
      const ink = digit[28 * ((y / 10) | 0) + ((x / 10) | 0)];
      return 240 - 0.9 * ink + noise.data[4 * (280 * y + x)] - 128;
    });
    return meanDifference(mnistForm(paper), digit);
  }).sort((a, b) => a - b);
  expect(differences[10]).toBeLessThan(4);
  expect(differences[19]).toBeLessThan(27); // at worst, shifted by a pixel
});

test('a grey 28×28 picture, light on dark, is not changed', () => {
  const { pixels } = loadDataset('test');
  for (const digit of [0, 1, 2].map((i) => pixels.slice(784 * i, 784 * (i + 1)))) {
    const bitmap = picture(28, 28, (x, y) => digit[28 * y + x]);
    expect(digitSteps(bitmap)).toEqual([
      { name: 'MNIST form', pixels: digit, width: 28, height: 28 },
    ]);
    // Other 28×28 pictures go through all steps and come out nearly the same.
    const onPaper = picture(28, 28, (x, y) => 255 - digit[28 * y + x]);
    expect(digitSteps(onPaper).length).toBe(8);
    expect(meanDifference(mnistForm(onPaper), digit)).toBeLessThan(20);
  }
});

test('colours become grey by luma; transparency is white paper, or black under white ink', () => {
  const strokes = draw({ ...plain, ink: 255, paper: 0 }).data;
  const onNothing = (r: number, g: number, b: number): Bitmap => {
    const data = new Uint8ClampedArray(strokes.length);
    for (let i = 0; i < data.length; i += 4) data.set([r, g, b, strokes[i]], i);
    return { data, width: plain.width, height: plain.height };
  };
  const onPaper = mnistForm(draw({ ...plain, ink: 0, paper: 255 }));
  expect(meanDifference(mnistForm(onNothing(0, 0, 0)), onPaper)).toBeLessThan(2);
  expect(meanDifference(mnistForm(onNothing(200, 30, 40)), onPaper)).toBeLessThan(2);
  expect(meanDifference(mnistForm(onNothing(255, 255, 255)), onPaper)).toBeLessThan(2);
  const [grey] = digitSteps(onNothing(255, 0, 0));
  expect(Math.min(...grey.pixels)).toBe(76); // PIL: Image.new("RGB", (1, 1), (255, 0, 0)).convert("L")
});

test('keeps the bar of a 5; removes specks, a ruled line and a table edge', () => {
  const digit = draw({ ...plain, label: 5, ink: 20, paper: 240 });
  const clean = mnistForm(digit);
  const paint = (f: (x: number, y: number) => boolean): Bitmap => {
    return picture(plain.width, plain.height, (x, y) =>
      f(x, y) ? 30 : digit.data[4 * (y * plain.width + x)],
    );
  };
  const dirt: [string, (x: number, y: number) => boolean][] = [
    ['specks', (x, y) => (x % 40 < 2 && y % 50 < 2) || (x === 190 && y === 10)],
    ['a ruled line', (_, y) => y > 8 && y < 12],
    ['a table', (x) => x < 14],
  ];
  for (const [name, f] of dirt) {
    expect([name, meanDifference(mnistForm(paint(f)), clean) < 4]).toEqual([name, true]);
  }
  // If there is a gap between bar and body, both are kept, and so is the height.
  const [, , , ink] = digitSteps(digit);
  const cut = digitSteps(
    picture(plain.width, plain.height, (x, y) =>
      y > 78 && y < 84 ? 240 : digit.data[4 * (y * plain.width + x)],
    ),
  );
  expect(ink.pixels.length).toBe(cut[3].pixels.length);
  expect(Math.abs(cut[4].height - digitSteps(digit)[4].height)).toBeLessThanOrEqual(2);
});

const noise = draw({ ...plain, ink: 128, paper: 128, noise: 25 });
test.each<[string, Bitmap, RegExp]>([
  [
    'white',
    picture(200, 100, () => 255),
    /no digit found: the whole picture has the same brightness/,
  ],
  ['black', picture(30, 30, () => 0), /has the same brightness/],
  ['one pixel', picture(1, 1, () => 9), /1×1 pixels are too few/],
  ['a line of pixels', picture(1, 300, (_, y) => y % 256), /1×300 pixels are too few/],
  ['noise', noise, /no strokes stand out/],
  ['coarse noise', picture(40, 40, (x, y) => (x * x * 31 + y * y * 17 + x * y * 7) % 256), /no /],
  ['a slope', picture(256, 256, (_, y) => y), /no strokes stand out/],
  ['half in the shade', picture(300, 300, (x) => (x < 150 ? 40 : 220)), /no strokes stand out/],
  [
    'a frame',
    picture(300, 300, (x, y) => (Math.min(x, y, 299 - x, 299 - y) < 12 ? 0 : 255)),
    /no digit found/,
  ],
  [
    'a speck',
    picture(300, 300, (x, y) => (x > 148 && x < 152 && y === 99 ? 0 : 255)),
    /only specks/,
  ],
  [
    'too few bytes',
    { data: new Uint8Array(7), width: 2, height: 1 },
    /a picture of 2×1 has 7 bytes, want 4 for each pixel/,
  ],
])('no digit is found: %s', (_, bitmap, message) => {
  expect(() => digitSteps(bitmap)).toThrow(message);
  expect(() => digitSteps(bitmap)).toThrow(expect.objectContaining({ name: 'InputError' }));
});

/** For each picture [784], the label of the most similar among MNIST's first training images. */
function nearestLabels(pictures: Uint8Array[]): number[] {
  const count = 20_000;
  const { pixels, labels } = loadDataset('train');
  return tf.tidy(() => {
    const rows = (bytes: Uint8Array) => {
      const float = tf.tensor2d(Float32Array.from(bytes), [bytes.length / 784, 784]);
      return float.div(float.norm('euclidean', 1, true)) as tf.Tensor2D;
    };
    const known = rows(pixels.subarray(0, 784 * count));
    const asked = rows(Uint8Array.from(pictures.flatMap((bytes) => [...bytes])));
    const nearest = tf.matMul(asked, known, false, true).argMax(1).dataSync();
    return Array.from(nearest, (index) => labels[index]);
  });
}

test('the most similar MNIST image has the right label with the steps, but not without them', () => {
  const share = (found: number[]) =>
    found.filter((label, i) => label === drawn[i].label).length / drawn.length;
  const withSteps = share(nearestLabels(stepsOfDrawn().map(last)));
  const without = share(
    nearestLabels(
      drawn.map(({ bitmap: { data, width, height } }) => {
        // Only reduced to 28×28 by taking the nearest pixel.
        const at = (i: number, length: number) => Math.floor(((i + 0.5) * length) / 28);
        return Uint8Array.from({ length: 784 }, (_, i) => {
          return data[4 * (at(Math.floor(i / 28), height) * width + at(i % 28, width))];
        });
      }),
    ),
  );
  expect(withSteps).toBeGreaterThanOrEqual(0.9);
  expect(without).toBeLessThan(0.5);
});
