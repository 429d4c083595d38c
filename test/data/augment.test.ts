import { AUGMENTATION, augmented, loadDataset, slice } from '../../src/data/index';
import { barSet } from '../support/sets';

const still = Object.fromEntries(Object.keys(AUGMENTATION).map((name) => [name, 0]));
const only = (change: Partial<typeof AUGMENTATION>) => ({ ...AUGMENTATION, ...still, ...change });

/** A 5×5 image with one white pixel. */
function dot(x: number, y: number) {
  const pixels = new Uint8Array(25);
  pixels[5 * y + x] = 255;
  return { ...barSet(10), pixels, labels: new Uint8Array(1), length: 1, height: 5, width: 5 };
}

test('it depends on seed, epoch and the number of the image alone', () => {
  const set = slice(loadDataset('train'), 0, 20);
  const first = augmented(set, 1, 1);
  expect(augmented(set, 1, 1).pixels).toEqual(first.pixels);
  expect(augmented(slice(set, 0, 5), 1, 1).pixels).toEqual(slice(first, 0, 5).pixels);
  for (const other of [augmented(set, 2, 1), augmented(set, 1, 2)]) {
    expect(other.pixels).not.toEqual(first.pixels);
  }
  expect(first.labels).toBe(set.labels);
  expect(set.pixels).toEqual(slice(loadDataset('train'), 0, 20).pixels); // the set is not changed
});

test('ranges of 0 change nothing', () => {
  const set = slice(loadDataset('train'), 0, 20);
  expect(augmented(set, 1, 1, only({})).pixels).toEqual(set.pixels);
});

test('shift moves the ink, rotation keeps the centre, thickness reaches the neighbours', () => {
  const ink = (image: Uint8Array) => image.reduce((sum, value) => sum + value, 0);
  const moved = augmented(dot(2, 2), 3, 1, only({ shift: 0.3 })).pixels;
  expect(moved[12]).toBeLessThan(255);
  expect(Math.abs(ink(moved) - 255)).toBeLessThan(4); // bilinear shares of one pixel, rounded down

  const turned = augmented(dot(2, 2), 3, 1, only({ rotation: 90 })).pixels;
  expect(turned[12]).toBe(255);

  // Seeds with a thicker and a thinner pen.
  const strokes = [1, 2, 3, 4, 5, 6].map(
    (seed) => augmented(dot(2, 2), seed, 1, only({ thickness: 0.8 })).pixels,
  );
  const thick = strokes.find((pixels) => pixels[7] > 0)!;
  expect([thick[7], thick[11], thick[13]]).toEqual([thick[17], thick[17], thick[17]]);
  expect(thick[6]).toBe(0); // a diagonal neighbour
  const thin = strokes.find((pixels) => pixels[12] < 255)!;
  expect(ink(thin)).toBe(thin[12]);
});

test('contrast only takes brightness away, noise stays within its range', () => {
  expect(augmented(dot(2, 2), 1, 1, only({ contrast: 0.4 })).pixels[12]).toBeGreaterThan(152);
  const noisy = augmented(dot(2, 2), 1, 1, only({ noise: 15 })).pixels;
  expect(Math.max(...noisy.filter((_, i) => i !== 12))).toBeLessThan(15);
  expect(noisy[12]).toBeGreaterThan(239);
});
