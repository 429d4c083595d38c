import { Jimp } from 'jimp';
import { imageGrid } from '../../src/viz/index';
import { barSet } from '../support/sets';

const set = barSet(5);
const isRed = (rgba: number) => rgba >>> 0 === 0xd62728ff;

test('a grid of pictures with captions, wrong ones framed in red', async () => {
  const png = await imageGrid(set, [0, 1, 2], { predictions: [0, 7, 2], columns: 2, size: 56 });
  const image = await Jimp.fromBuffer(png);
  // Two columns of 56 + 2·4 with gaps of 10; two rows with captions of 22.
  expect([image.width, image.height]).toEqual([10 + 2 * 74, 10 + 2 * 96]);
  expect(isRed(image.getPixelColor(11, 20))).toBe(false); // first: right
  expect(isRed(image.getPixelColor(10 + 74 + 1, 20))).toBe(true); // second: wrong
  // The first picture: class 0 is a bar at columns 4 and 5 of 28, twice as large here.
  const bright = image.getPixelColor(14 + 9, 14 + 20) >>> 24;
  const dark = image.getPixelColor(14 + 30, 14 + 20) >>> 24;
  expect(bright).toBeGreaterThan(180);
  expect(dark).toBeLessThan(60);
  // Something is written below it.
  let ink = 0;
  for (let x = 10; x < 74; x++)
    for (let y = 76; y < 96; y++) if (image.getPixelColor(x, y) >>> 24 < 128) ink++;
  expect(ink).toBeGreaterThan(20);
});

test('an empty grid and a wrong number of predictions are errors', async () => {
  await expect(imageGrid(set, [])).rejects.toThrow('at least one image');
  await expect(imageGrid(set, [0, 1], { predictions: [1] })).rejects.toThrow(
    '1 predictions for 2 images',
  );
});
