import { type Bitmap, digitsIn } from '../../src/image/index';
import { draw } from './hands';

const [width, height] = [240, 260];
const options = {
  ...{ width, height, size: 0.6, x: 0.5, y: 0.5, rotation: 0.05, shear: 0.1, aspect: 0.65 },
  ...{ ink: 25, paper: 235, shade: 0.3, shadeAngle: 1, vignette: 0, noise: 3, wobble: 0, seed: 1 },
};

/** Prints dark lines on the paper of a drawing, `tilt` in radians. */
function lined(bitmap: Bitmap, isSquared: boolean, tilt: number): Bitmap {
  const data = Uint8ClampedArray.from(bitmap.data);
  const isLine = (place: number) => ((place % 24) + 24) % 24 < 2;
  for (let i = 0; i < width * height; i++) {
    const [x, y] = [i % width, Math.floor(i / width)];
    if (!isLine(y - tilt * x) && !(isSquared && isLine(x + tilt * y))) continue;
    for (let channel = 0; channel < 3; channel++) data[4 * i + channel] *= 0.4;
  }
  return { ...bitmap, data };
}

/** The only digit in `bitmap`, as 28×28 pixels. */
function only(bitmap: Bitmap): Uint8Array {
  const digits = digitsIn(bitmap);
  expect(digits.length).toBe(1);
  return digits[0].steps.at(-1)!.pixels;
}

const difference = (a: Uint8Array, b: Uint8Array) =>
  a.reduce((sum, value, i) => sum + Math.abs(value - b[i]), 0) / a.length;

test.each([
  ['squared', true, 0],
  ['ruled', false, 0],
  ['squared, not straight,', true, 0.02],
])('%s paper with dark lines changes little', (_, isSquared, tilt) => {
  for (const [label, stroke] of [
    [2, 0.05],
    [9, 0.1],
  ]) {
    const drawn = draw({ ...options, label, stroke });
    expect(difference(only(lined(drawn, isSquared, tilt)), only(drawn))).toBeLessThan(12);
  }
});

test('a 1 from edge to edge is a 1', () => {
  const [narrow, high] = [40, 200];
  const data = new Uint8ClampedArray(4 * narrow * high).fill(255);
  for (let i = 0; i < narrow * high; i++) {
    if (Math.abs((i % narrow) - 22) < 7) data.fill(20, 4 * i, 4 * i + 3);
  }
  const pixels = only({ data, width: narrow, height: high });
  const lit = [...pixels.keys()].filter((i) => pixels[i] > 127);
  const [xs, ys] = [lit.map((i) => i % 28), lit.map((i) => Math.floor(i / 28))];
  expect(Math.max(...ys) - Math.min(...ys)).toBe(19);
  expect(Math.max(...xs) - Math.min(...xs)).toBeLessThan(3);
});
