import { digitSteps, drawnBitmap } from '../../src/image/index';

test('a # is black, with a margin of one character around the drawing', () => {
  const { data, width, height } = drawnBitmap(' #\n##');
  expect([width, height]).toEqual([32, 64]);
  const rows = [24, 40].map((y) =>
    [4, 12, 20, 28].map((x) => (data[4 * (y * width + x)] === 0 ? '#' : '.')).join(''),
  );
  expect(rows).toEqual(['..#.', '.##.']);
  expect(data[3]).toBe(255);
});

test('a drawn digit gets the form of MNIST', () => {
  const steps = digitSteps(drawnBitmap('#####\n    #\n   #\n  #\n  #'));
  const { pixels, width, height } = steps[steps.length - 1];
  expect([width, height]).toEqual([28, 28]);
  expect(pixels[0]).toBe(0);
  expect(Math.max(...pixels)).toBe(255);
});
