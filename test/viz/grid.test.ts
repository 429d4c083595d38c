import { Jimp } from 'jimp';
import { heatGrid, imageGrid, stepsGrid } from '../../src/viz/index';
import { barSet } from '../support/sets';

const set = barSet(5);
const widthOf = (png: Buffer) => png.readUInt32BE(16); // in its header; decoding takes seconds in jest
const isRed = (rgba: number) => rgba >>> 0 === 0xd62728ff;

test('a grid of pictures with captions, wrong ones framed in red', async () => {
  const png = await imageGrid(set, [0, 1, 2], { predictions: [0, 7, 2], columns: 2, size: 56 });
  const image = await Jimp.fromBuffer(png);
  // Two columns of 56 + 2·4 with gaps of 10; two rows with captions of 22.
  expect([image.width, image.height]).toEqual([2 * 74 - 10, 2 * 96 - 10]);
  expect(isRed(image.getPixelColor(1, 20))).toBe(false); // first: right
  expect(isRed(image.getPixelColor(74 + 1, 20))).toBe(true); // second: wrong
  // The first picture: class 0 is a bar at columns 4 and 5 of 28, twice as large here.
  const bright = image.getPixelColor(4 + 9, 4 + 20) >>> 24;
  const dark = image.getPixelColor(4 + 30, 4 + 20) >>> 24;
  expect(bright).toBeGreaterThan(180);
  expect(dark).toBeLessThan(60);
  // Something is written below it in white, and between the cards the picture is transparent.
  let ink = 0;
  for (let x = 0; x < 64; x++)
    for (let y = 64; y < 86; y++) if (image.getPixelColor(x, y) >>> 24 > 200) ink++;
  expect(ink).toBeGreaterThan(20);
  expect(image.getPixelColor(69, 20) & 0xff).toBe(0);
});

test('a heat map colours a picture: red where positive, blue where negative, each map scaled alone', async () => {
  const image = { pixels: new Uint8Array(4).fill(200), height: 2, width: 2 };
  const heat = { values: [5, 0, 0, -5], height: 2, width: 2 };
  const png = await heatGrid(image, [{ heat, caption: 'both' }], 112);
  const picture = await Jimp.fromBuffer(png);
  const at = (x: number, y: number) => {
    const rgba = picture.getPixelColor(4 + x, 4 + y) >>> 0;
    return [rgba >>> 24, (rgba >>> 16) & 255, (rgba >>> 8) & 255];
  };
  const [red, green, blue] = at(2, 2);
  expect(red).toBeGreaterThan(green + 100);
  expect(red).toBeGreaterThan(blue + 100);
  expect(at(109, 109)[2]).toBeGreaterThan(at(109, 109)[0] + 100);
  expect(at(109, 2)).toEqual([200, 200, 200]); // no heat: the picture itself
});

test('the steps of a few pictures have a row each; those of many share rows', async () => {
  const step = { name: 'Grey', pixels: set.pixels.subarray(0, 784), width: 28, height: 28 };
  const sizeOf = async (pictures: number, steps: number) => {
    const png = await stepsGrid(Array(pictures).fill(Array(steps).fill(step)), 14);
    return [(widthOf(png) + 10) / (22 + 10), (png.readUInt32BE(20) + 10) / (22 + 10 + 22)]; // in cells
  };
  expect(await sizeOf(3, 8)).toEqual([8, 3]);
  expect(await sizeOf(40, 1)).toEqual([7, 6]);
  // Many more are also smaller: as high as 400 large ones.
  const png = await stepsGrid(Array(441).fill([step]), 30);
  expect(widthOf(png)).toBe(21 * (29 + 8 + 10) - 10);
});

test('an empty grid and a wrong number of predictions are errors', async () => {
  await expect(imageGrid(set, [])).rejects.toThrow('at least one image');
  await expect(imageGrid(set, [0, 1], { predictions: [1] })).rejects.toThrow(
    '1 predictions for 2 images',
  );
});

test('a heat map of a large input', async () => {
  const size = 512; // 262,144 values: too many for the arguments of a call
  const image = { pixels: new Uint8Array(size * size), height: size, width: size };
  const heat = { values: new Float32Array(size * size).fill(0.5), height: size, width: size };
  expect(widthOf(await heatGrid(image, [{ heat, caption: 'large' }], 112))).toBe(112 + 8);
});
