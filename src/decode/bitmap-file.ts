import fs from 'node:fs';
import sharp, { type Sharp } from 'sharp';
import { InputError, messageOf } from '../errors';
import { type Bitmap, MAX_PIXELS } from '../image/index';
import { standIn } from '../stand-in';

/** What `readBitmap` reads. */
export const FORMATS = 'PNG, JPEG, WebP, AVIF, GIF, TIFF, BMP';
const MAX_BYTES = 200_000_000;
/** A phone's largest photos have 200 megapixels. */
const MAX_DECODED = 400_000_000;
/** What people have in place of a picture, by its first bytes, and what to do. */
const FOREIGN: [pattern: RegExp, problem: string][] = [
  [/^.{4}ftyp(hei|hev)/s, 'HEIC is not supported: save or share the picture as JPEG'],
  [/^%PDF/, 'a PDF, not a picture: export the page as PNG'],
  [/^\s*(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)*(<!DOCTYPE svg|<svg)/s, 'an SVG: export it as PNG'],
];

/**
 * Decodes a picture and turns it as its EXIF data says. Pictures of more than 25 megapixels are scaled down to that
 * while they are decoded.
 *
 * Throws InputError if the file is not such a picture, is damaged, or holds several pictures.
 */
export function readBitmap(file: string): Promise<Bitmap> {
  return withPicture(file, async (picture, { width, height }) => {
    const scale = Math.min(1, Math.sqrt(MAX_PIXELS / (width * height)));
    const scaled = scale < 1 ? picture.resize(Math.floor(width * scale)) : picture;
    const decoded = scaled.autoOrient().toColourspace('srgb').ensureAlpha().raw();
    const { data, info } = await decoded.toBuffer({ resolveWithObject: true });
    return { data, width: info.width, height: info.height };
  });
}

/**
 * Decodes a picture as a square: resized to `resizeTo` along its shorter side, and cut to the `side`×`side` pixels in its
 * middle, as torchvision's Resize and CenterCrop do. Transparent pictures lie on white. Throws InputError as `readBitmap` does.
 *
 * @returns [side, side, 3]
 */
export function readSquare(file: string, side: number, resizeTo = side): Promise<Uint8Array> {
  return withPicture(file, (picture, size) => {
    // torchvision rounds the longer side down, and the margins to the nearest even number if in doubt.
    const scaled = (length: number) =>
      Math.floor((resizeTo * length) / Math.min(size.width, size.height));
    const [width, height] = [scaled(size.width), scaled(size.height)];
    const margin = (length: number) => {
      const half = (length - side) / 2;
      return half % 2 === 0.5 ? Math.floor(half) : Math.round(half);
    };
    return picture
      .autoOrient()
      .resize(width, height, { fit: 'fill', kernel: 'linear' })
      .extract({ left: margin(width), top: margin(height), width: side, height: side })
      .flatten({ background: '#fff' })
      .toColourspace('srgb')
      .removeAlpha()
      .raw()
      .toBuffer();
  });
}

/** Height and width of a picture as it is seen, from its header. Throws InputError as `readBitmap` does. */
export function pictureSize(file: string): Promise<{ width: number; height: number }> {
  return withPicture(file, async (_, { width, height }) => ({ width, height }));
}

async function withPicture<T>(
  file: string,
  body: (picture: Sharp, size: { width: number; height: number }) => Promise<T>,
): Promise<T> {
  const bytes = readBytes(file);
  const start = bytes.toString('latin1', 0, 1000);
  const foreign = FOREIGN.find(([pattern]) => pattern.test(start))?.[1] ?? standIn(bytes);
  if (foreign) throw new InputError(`${file}: ${foreign}`);
  try {
    const picture = start.startsWith('BM') ? await openBmp(bytes) : openWithSharp(bytes);
    const { autoOrient, pages = 1, format } = await picture.metadata();
    if (pages > 1) {
      const what = format === 'tiff' ? 'a document' : 'an animation';
      throw new InputError(`${what} of ${pages} pictures, want a file with one`);
    }
    return await body(picture, autoOrient);
  } catch (error) {
    if (error instanceof InputError) throw new InputError(`${file}: ${error.message}`);
    const why = messageOf(error).split('\n')[0].trim();
    throw new InputError(`${file}: not a picture that can be read (${FORMATS}): ${why}`);
  }
}

function openWithSharp(bytes: Buffer): Sharp {
  return sharp(bytes, {
    failOn: 'error',
    limitInputPixels: MAX_DECODED,
    ignoreIcc: true, // grey values, not colours, matter here; a browser's canvas gives the same
  });
}

/** sharp does not read BMP. jimp allocates what the header asks for, so that is checked first. */
async function openBmp(bytes: Buffer): Promise<Sharp> {
  const isOld = bytes.readUInt32LE(14) === 12;
  const width = isOld ? bytes.readUInt16LE(18) : bytes.readInt32LE(18);
  const height = isOld ? bytes.readUInt16LE(20) : bytes.readInt32LE(22);
  const pixels = Math.abs(width * height);
  if (pixels > MAX_PIXELS) {
    throw new InputError(`${pixels} pixels, want at most ${MAX_PIXELS} in a BMP: save it as PNG`);
  }
  if (bytes.length < bytes.readUInt32LE(2)) throw new Error('it is truncated');
  const { Jimp } = await import('jimp'); // not before: loading it takes 0.2 s
  const { data, width: w, height: h } = (await Jimp.fromBuffer(bytes)).bitmap;
  return sharp(Buffer.from(data), { raw: { width: w, height: h, channels: 4 } });
}

function readBytes(file: string): Buffer {
  if (!fs.existsSync(file)) throw new InputError(`${file}: no such file`);
  const stat = fs.statSync(file);
  if (!stat.isFile()) throw new InputError(`${file}: not a file, want an image file`);
  if (stat.size === 0) throw new InputError(`${file}: empty, want an image file`);
  if (stat.size > MAX_BYTES) {
    throw new InputError(`${file}: ${stat.size} bytes, want at most ${MAX_BYTES}`);
  }
  try {
    return fs.readFileSync(file);
  } catch (error) {
    throw new InputError(`${file}: cannot be read: ${messageOf(error)}`);
  }
}
