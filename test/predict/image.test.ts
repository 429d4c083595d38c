import fs from 'node:fs';
import path from 'node:path';
import zlib from 'node:zlib';
import { Jimp } from 'jimp';
import sharp from 'sharp';
import { readBitmap } from '../../src/decode/index';
import { alexnet } from '../../src/model/index';
import { predictBatch, predictFile, readDigit } from '../../src/predict/index';
import { probabilitiesFigure, stepsGrid } from '../../src/viz/index';
import { root } from '../support/command';
import { temporaryFolder } from '../support/idx';
import { barSet } from '../support/sets';
import { expectNoLeak } from '../support/tensors';

const temporary = temporaryFolder();
const place = (name: string) => path.join(temporary, name);
const sample = (name: string) => path.join(root, 'samples', name);
const MIME = {
  png: 'image/png',
  jpeg: 'image/jpeg',
  bmp: 'image/bmp',
  gif: 'image/gif',
  tiff: 'image/tiff',
} as const;
type Type = keyof typeof MIME;
const TYPES = Object.keys(MIME) as Type[];

function file(name: string, bytes: Buffer | string): string {
  fs.writeFileSync(place(name), bytes);
  return place(name);
}

/** An image file; each pixel is [r, g, b, alpha]. */
async function encode(width: number, pixels: number[][], type: Type = 'png'): Promise<Buffer> {
  const data = Buffer.alloc(4 * pixels.length); // not from the pool: jimp reads the whole buffer behind it
  data.set(pixels.flat());
  const image = Jimp.fromBitmap({ data, width, height: pixels.length / width });
  return image.getBuffer(MIME[type] as 'image/png');
}
const grey = (value: number) => [value, value, value, 255];
/** A 7, dark on light. */
const seven = Array.from({ length: 60 * 50 }, (_, i) => {
  const [x, y] = [i % 50, Math.floor(i / 50)];
  const bar = y >= 10 && y < 16 && x >= 12 && x < 38;
  const leg = y >= 10 && y < 50 && Math.abs(x - (36 - (y - 10) / 2)) < 3;
  return grey(bar || leg ? 20 : 235);
});

test.each(TYPES)('reads %s', async (type) => {
  const steps = await readDigit(file(`7.${type}`, await encode(50, seven, type)));
  expect([steps[0].width, steps[0].height]).toEqual([50, 60]);
  expect(steps[0].pixels[0]).toBeGreaterThan(215);
  expect(steps[0].pixels[12 * 50 + 20]).toBeLessThan(40);
  const reference = await readDigit(file('7.png', await encode(50, seven)));
  const pixels = steps[steps.length - 1].pixels;
  const wanted = reference[reference.length - 1].pixels;
  const difference = pixels.reduce((sum, value, i) => sum + Math.abs(value - wanted[i]), 0) / 784;
  expect(difference).toBeLessThan(3);
});

/** Where a stored pixel is shown in a picture of w × h, for each orientation of EXIF 2.3. */
const SEEN: ((row: number, column: number, w: number, h: number) => [number, number])[] = [
  (r, c) => [c, r],
  (r, c, w) => [w - 1 - c, r],
  (r, c, w, h) => [w - 1 - c, h - 1 - r],
  (r, c, _, h) => [c, h - 1 - r],
  (r, c) => [r, c],
  (r, c, w) => [w - 1 - r, c],
  (r, c, w, h) => [w - 1 - r, h - 1 - c],
  (r, c, _, h) => [r, h - 1 - c],
];

test.each([1, 2, 3, 4, 5, 6, 7, 8])(
  'a JPEG is turned as its EXIF orientation %i says',
  async (o) => {
    const [w, h] = [50, 60];
    const [columns, rows] = o < 5 ? [w, h] : [h, w];
    const stored = Array.from({ length: w * h }, (_, i) => {
      const [x, y] = SEEN[o - 1](Math.floor(i / columns), i % columns, w, h);
      return seven[y * w + x];
    });
    expect(stored.length / columns).toBe(rows);
    const jpeg = await encode(columns, stored, 'jpeg');
    // APP1 with a TIFF directory of one entry: 0x0112, a short, 1 of it.
    const exif = Buffer.from(
      `45786966000049492a0008000000010012010300010000000${o}00000000000000`,
      'hex',
    );
    const length = Buffer.from([0xff, 0xe1, 0, exif.length + 2]);
    const turned = Buffer.concat([jpeg.subarray(0, 2), length, exif, jpeg.subarray(2)]);
    const bitmap = await readBitmap(file(`turned-${o}.jpg`, turned));
    expect([bitmap.width, bitmap.height]).toEqual([w, h]);
    const difference = seven.reduce((sum, [v], i) => sum + Math.abs(v - bitmap.data[4 * i]), 0);
    expect(difference / seven.length).toBeLessThan(3);
  },
);

test('a CMYK JPEG keeps its colours', async () => {
  // Made by parity/reference/digits.py: a 1 in (150, 20, 30) on (250, 240, 225).
  const jpeg = fs.readFileSync(path.join(root, 'parity/golden/digits-cmyk.jpg'));
  const { data, width } = await readBitmap(file('cmyk.jpg', jpeg));
  const colour = (x: number, y: number) => [0, 1, 2].map((k) => data[4 * (y * width + x) + k]);
  const close = (found: number[], wanted: number[]) => {
    for (const k of [0, 1, 2]) expect(Math.abs(found[k] - wanted[k])).toBeLessThan(30); // libvips converts with a colour profile
  };
  close(colour(5, 5), [250, 240, 225]);
  close(colour(88, 100), [150, 20, 30]);
});

test('bytes after the end, 16 bits, grey with alpha, interlaced, progressive, WebP, AVIF, 30 megapixels: all the same 7', async () => {
  const original = await encode(50, seven);
  const enlarged = () => sharp(original).resize(400, 480, { kernel: 'nearest' });
  const jpeg = await enlarged().jpeg({ quality: 95 }).toBuffer();
  const files: Record<string, Buffer> = {
    'reference.png': await enlarged().png().toBuffer(),
    'after-the-end.png': Buffer.concat([await enlarged().png().toBuffer(), Buffer.from('junk')]),
    'restart.jpg': Buffer.concat([jpeg.subarray(0, -2), Buffer.from([0xff, 0xd0, 0xff, 0xd9])]),
    'progressive.jpg': await enlarged().jpeg({ progressive: true }).toBuffer(),
    'interlaced.png': await enlarged().png({ progressive: true }).toBuffer(),
    '16-bit.png': await enlarged().toColourspace('rgb16').png().toBuffer(),
    'grey-alpha.png': await enlarged().greyscale().ensureAlpha().png().toBuffer(),
    'palette.png': await enlarged().png({ palette: true }).toBuffer(),
    'strips.tiff': await enlarged().tiff({ compression: 'lzw', predictor: 'none' }).toBuffer(),
    'a.webp': await enlarged().webp().toBuffer(),
    'a.avif': await enlarged().avif({ effort: 0 }).toBuffer(),
    '30-megapixels.jpg': await sharp(original)
      .resize(5000, 6000, { kernel: 'nearest' })
      .jpeg()
      .toBuffer(),
  };
  let reference: Uint8Array | undefined;
  for (const [name, bytes] of Object.entries(files)) {
    const { pixels } = (await readDigit(file(name, bytes))).pop()!;
    reference ??= pixels;
    const wanted = reference;
    const difference = pixels.reduce((sum, value, i) => sum + Math.abs(value - wanted[i]), 0);
    expect([name, difference / 784 < 4]).toEqual([name, true]);
  }
}, 30_000);

test('the samples come out as 28×28 pixels with plausible ink', async () => {
  const files = fs.readdirSync(path.join(root, 'samples'));
  expect(files.length).toBeGreaterThanOrEqual(6);
  for (const name of files) {
    const steps = await readDigit(sample(name));
    const { pixels, width, height } = steps[steps.length - 1];
    expect([name, width, height]).toEqual([name, 28, 28]);
    const lit = pixels.filter((value) => value > 127).length;
    expect([name, lit > 40 && lit < 200]).toEqual([name, true]);
  }
  const sideways = await readDigit(sample('7-sideways.jpg'));
  expect(sideways[0].height).toBeGreaterThan(sideways[0].width);
});

test("pictures in MNIST's format are used unchanged, and so are all with asIs", async () => {
  const set = barSet(3);
  const model = alexnet({ inputSize: 63, seed: 3 });
  const pixels = [...set.pixels.subarray(784, 1568)].map(grey);
  const [inMemory] = predictBatch(model, set, [1]);
  const mnist = file('bar.png', await encode(28, pixels));
  await expectNoLeak(async () => {
    expect(await predictFile(model, mnist)).toEqual(inMemory);
    expect(await predictFile(model, mnist, { asIs: true })).toEqual(inMemory);
  });
  const wide = file('wide.png', await encode(5, [0, 9, 0, 0, 255, 0, 0, 0, 0, 0].map(grey)));
  const steps = await readDigit(wide, { asIs: true });
  expect(steps.map(({ name }) => name)).toEqual(['Grey', 'Square']);
  expect(Array.from({ length: 5 }, (_, y) => [...steps[1].pixels.slice(5 * y, 5 * y + 5)])).toEqual(
    [
      [0, 0, 0, 0, 0],
      [0, 9, 0, 0, 255],
      [0, 0, 0, 0, 0],
      [0, 0, 0, 0, 0],
      [0, 0, 0, 0, 0],
    ],
  );
  const strip = file(
    'strip.png',
    await new Jimp({ width: 5000, height: 2 }).getBuffer('image/png'),
  );
  await expect(readDigit(strip, { asIs: true })).rejects.toThrow(
    'strip.png: 5000×2 pixels, want at most 4096 on each side to use it as is',
  );
});

async function expectRefused(name: string, bytes: Buffer | string, message: RegExp): Promise<void> {
  const refusal = readDigit(file(name, bytes));
  await expect(refusal).rejects.toThrow(message);
  await expect(refusal).rejects.toThrow(
    expect.objectContaining({
      name: 'InputError',
      message: expect.stringMatching(new RegExp(`^${place(name)}: [^\\n]+$`)),
    }),
  );
}

const be32 = (...values: number[]) => {
  const buffer = Buffer.alloc(4 * values.length);
  for (const [i, value] of values.entries()) buffer.writeUInt32BE(value, 4 * i);
  return buffer;
};
function crc32(bytes: Buffer): number {
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let k = 0; k < 8; k++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}
function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type), data]);
  return Buffer.concat([be32(data.length), body, be32(crc32(body))]);
}
const png = (width: number, height: number, interlaced: number, data: Buffer) =>
  Buffer.concat([
    Buffer.from('89504e470d0a1a0a', 'hex'),
    chunk('IHDR', Buffer.concat([be32(width, height), Buffer.from([8, 0, 0, 0, interlaced])])),
    chunk('IDAT', data),
    chunk('IEND', Buffer.alloc(0)),
  ]);

test('pictures of more than 400 megapixels are refused before they are decoded', async () => {
  const gif = Buffer.from('474946383961204e204e0000003b', 'hex');
  const bmp = Buffer.alloc(60);
  bmp.write('BM');
  bmp.writeUInt32LE(60, 2);
  bmp.writeUInt32LE(40, 14);
  bmp.writeInt32LE(20_000, 18);
  bmp.writeInt32LE(-20_000, 22);
  const tiff = Buffer.from(
    '4d4d002a000000080002010000040000000100004e20010100040000000100004e2000000000',
    'hex',
  );
  const files: [string, Buffer][] = [
    ['huge.png', png(20_000, 20_000, 0, zlib.deflateSync(Buffer.alloc(1000)))],
    ['huge.jpg', Buffer.from('ffd8ffc0000b084e204e200101110000ffd9', 'hex')],
    ['huge.gif', gif],
    ['huge.bmp', bmp],
    ['huge.tiff', tiff],
  ];
  for (const [name, bytes] of files) {
    await expectRefused(
      name,
      bytes,
      /(pixel limit|400000000 pixels, want at most 25000000 in a BMP|not a picture)/,
    );
  }
});

test.each(TYPES)('a truncated %s is refused', async (type) => {
  const whole = await encode(50, seven, type);
  for (const share of [0.01, 0.3, 0.6, 0.9]) {
    const bytes = whole.subarray(0, Math.max(9, Math.floor(share * whole.length)));
    await expectRefused(`cut-${share}.${type}`, bytes, /not a picture that can be read/);
  }
});

test('animations and documents with several pages are refused', async () => {
  const gif = await encode(50, seven, 'gif');
  const head = 13 + (gif[10] & 0x80 ? 3 * 2 ** ((gif[10] & 7) + 1) : 0);
  const body = gif.subarray(head, gif.length - 1);
  const loop = Buffer.concat([gif.subarray(0, head), body, body, body, Buffer.from([0x3b])]);
  await expectRefused('loop.gif', loop, /an animation of 3 pictures, want a file with one/);
  const page = await encode(50, seven, 'png');
  const pages = await sharp([page, page], { join: { animated: true } })
    .tiff()
    .toBuffer();
  await expectRefused('pages.tiff', pages, /a document of 2 pictures, want a file with one/);
});

test.each<[string, Buffer | string, RegExp]>([
  [
    'text.png',
    'hello',
    /not a picture that can be read \(PNG, JPEG, WebP, AVIF, GIF, TIFF, BMP\): Input buffer contains unsupported image format/,
  ],
  ['empty.png', '', /empty.png: empty, want an image file/],
  ['picture.webp', 'RIFF\x24\0\0\0WEBPVP8 ', /not a picture that can be read/],
  [
    'phone.heic',
    '\0\0\0\x18ftypheic\0\0\0\0mif1heic',
    /HEIC is not supported: save or share the picture as JPEG$/,
  ],
  ['scan.pdf', '%PDF-1.7 …', /a PDF, not a picture: export the page as PNG$/],
  ['logo.svg', '<?xml version="1.0"?>\n<svg xmlns="…"/>', /an SVG: export it as PNG$/],
  [
    'login.png',
    '<!DOCTYPE html><title>Sign in</title>',
    /an HTML page, perhaps a login or error page: download the file itself$/,
  ],
  [
    'lfs.png',
    'version https://git-lfs.github.com/spec/v1\noid sha256:00',
    /a Git LFS pointer, not the file: run git lfs pull$/,
  ],
  ['nothing.png', png(0, 0, 0, Buffer.alloc(0)), /not a picture that can be read/],
  ['rubbish.png', png(28, 28, 0, Buffer.from('rubbish')), /not a picture that can be read/],
])('refuses %s', expectRefused);

test('a folder, a missing file and a picture without a digit are refused', async () => {
  await expect(readDigit(temporary)).rejects.toThrow('not a file, want an image file');
  await expect(readDigit(place('nowhere.png'))).rejects.toThrow('nowhere.png: no such file');
  const blank = file(
    'blank.png',
    await encode(
      40,
      Array.from({ length: 1600 }, () => grey(250)),
    ),
  );
  await expect(readDigit(blank)).rejects.toThrow(
    'blank.png: no digit found: the whole picture has the same brightness',
  );
});

test('stepsGrid draws the steps, probabilitiesFigure the probabilities', async () => {
  const rows = [await readDigit(sample('8-felt-pen.png')), await readDigit(sample('0-28x28.png'))];
  const grid = await Jimp.fromBuffer(await stepsGrid(rows, 56));
  // Eight columns of 56 + 2·4, two rows with captions of 22, and gaps of 10.
  expect([grid.width, grid.height]).toEqual([8 * 74 - 10, 2 * 96 - 10]);
  expect(grid.getPixelColor(4 + 28, 96 + 4 + 28) >>> 24).toBeLessThan(40); // in the 0
  expect(grid.getPixelColor(4 + 74 + 28, 96 + 4 + 28)).toBe(0); // no second step

  const probabilities = [0.01, 0.02, 0.9, 0.01, 0.01, 0.01, 0.01, 0.01, 0.01, 0.01];
  const { data, layout } = probabilitiesFigure(probabilities, 'A 2');
  expect(data[0]).toMatchObject({ type: 'bar', y: probabilities });
  expect((data[0].text as string[]).slice(0, 3)).toEqual(['1.0%', '2.0%', '90%']);
  expect(layout).toMatchObject({
    title: { text: 'A 2: 2, 90.0%' },
    xaxis: { title: { text: 'Digit' } },
    yaxis: { title: { text: 'Probability' } },
  });
});
