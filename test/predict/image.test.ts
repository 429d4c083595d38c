import fs from 'node:fs';
import path from 'node:path';
import { Jimp } from 'jimp';
import { InputError } from '../../src/errors';
import { alexnet } from '../../src/model/index';
import { predictBatch, predictFile, readGreyImage } from '../../src/predict/index';
import { temporaryFolder } from '../support/idx';
import { barSet } from '../support/sets';

const temporary = temporaryFolder();
const MIME = {
  png: 'image/png',
  jpeg: 'image/jpeg',
  bmp: 'image/bmp',
  gif: 'image/gif',
  tiff: 'image/tiff',
} as const;

/** An image of one colour a pixel: [r, g, b, alpha]. */
async function write(
  name: string,
  width: number,
  pixels: number[][],
  type: keyof typeof MIME = 'png',
): Promise<string> {
  const data = Buffer.alloc(4 * pixels.length); // not from a pool: jimp reads the whole memory behind it
  data.set(pixels.flat());
  const file = path.join(temporary, `${name}.${type}`);
  const image = Jimp.fromBitmap({ data, width, height: pixels.length / width });
  fs.writeFileSync(file, await image.getBuffer(MIME[type] as 'image/png'));
  return file;
}
const grey = (value: number) => [value, value, value, 255];

test.each(Object.keys(MIME) as (keyof typeof MIME)[])('reads %s', async (type) => {
  // A white square on black, large enough for JPEG to keep.
  const pixels = Array.from({ length: 256 }, (_, i) => {
    const [x, y] = [i % 16, Math.floor(i / 16)];
    return grey(x >= 4 && x < 12 && y >= 4 && y < 12 ? 255 : 0);
  });
  const {
    pixels: read,
    width,
    height,
  } = await readGreyImage(await write('square', 16, pixels, type));
  expect([width, height]).toEqual([16, 16]);
  expect(read[0]).toBeLessThan(20);
  expect(read[8 * 16 + 8]).toBeGreaterThan(235);
});

test('colours become grey as in PIL, light on dark', async () => {
  const black = grey(0);
  const pixels = [black, black, black, black, [255, 0, 0, 255], black, black, black, black];
  const { pixels: read } = await readGreyImage(await write('red', 3, pixels));
  expect(read[4]).toBe(76); // PIL: Image.new("RGB", (1, 1), (255, 0, 0)).convert("L")
});

test('dark on light is inverted, transparency is paper', async () => {
  const paper = [0, 0, 0, 0];
  const pixels = [paper, paper, paper, paper, grey(10), paper, paper, paper, paper];
  const { pixels: read } = await readGreyImage(await write('ink', 3, pixels));
  expect([...read]).toEqual([0, 0, 0, 0, 245, 0, 0, 0, 0]);
});

test('what is not square gets background at both sides', async () => {
  const pixels = [0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0].map(grey);
  const { pixels: read, width, height } = await readGreyImage(await write('wide', 5, pixels));
  expect([width, height]).toEqual([5, 5]);
  expect(read[5 + 4]).toBe(9);
});

test("MNIST's own form is taken as it is", async () => {
  const set = barSet(3);
  const model = alexnet({ inputSize: 63, seed: 3 });
  const pixels = [...set.pixels.subarray(784, 1568)].map(grey);
  const [inMemory] = predictBatch(model, set, [1]);
  expect(await predictFile(model, await write('bar', 28, pixels))).toEqual(inMemory);
});

test.each<[string, Buffer | null, RegExp]>([
  ['missing.png', null, /missing.png: no such file/],
  ['text.png', Buffer.from('hello'), /text.png: not an image that can be read/],
  ['empty.png', Buffer.alloc(0), /empty.png: not an image that can be read/],
  [
    'cut.png',
    Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex'),
    /cut.png: not an image that can be read/,
  ],
])('refuses %s', async (name, content, message) => {
  const file = path.join(temporary, name);
  if (content) fs.writeFileSync(file, content);
  await expect(readGreyImage(file)).rejects.toThrow(message);
  await expect(readGreyImage(file)).rejects.toThrow(InputError);
});

test('refuses an image whose square would fill the memory', async () => {
  const file = path.join(temporary, 'strip.png');
  fs.writeFileSync(
    file,
    await new Jimp({ width: 5000, height: 2, color: 0xffffffff }).getBuffer('image/png'),
  );
  await expect(readGreyImage(file)).rejects.toThrow('5000×2 pixels, want at most 4096 a side');
});

test('refuses a folder', async () => {
  await expect(readGreyImage(temporary)).rejects.toThrow('not a file');
});
