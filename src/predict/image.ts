/** From an image file to pixels, with a sentence for whatever is wrong with it. */
import fs from 'node:fs';
import zlib from 'node:zlib';
import { Jimp } from 'jimp';
import { checkObject, checkText, InputError, messageOf } from '../errors';
import { type Bitmap, type DigitStep, digitSteps, type GreyImage, greyImage } from './digit';
import { readHeader } from './header';

export interface DigitOptions {
  /** Takes the picture as light strokes on black, framed as MNIST's: it is only made grey and square. */
  asIs?: boolean;
}

/** A phone's 24 megapixels pass; decoded, they fill 100 MB. */
const MAX_PIXELS = 25_000_000;
/** As it is, a picture is made square, and the whole square goes through TensorFlow. */
const MAX_SQUARE = 4096;
/** Without chroma subsampling, 25 megapixels take jpeg-js a little more than the 512 MB that it allows itself. */
const JPEG_OPTIONS = { 'image/jpeg': { maxMemoryUsageInMB: 768 } };
const MAX_BYTES = 100_000_000;

/**
 * Reads a picture of a digit and takes it the way to MNIST's form: `digitSteps`; the last step is what a
 * network is given.
 *
 * Throws InputError when the file is no picture that can be read, or has no digit in it.
 */
export async function readDigit(file: string, options: DigitOptions = {}): Promise<DigitStep[]> {
  checkObject('options', options);
  const bitmap = await readBitmap(file);
  try {
    if (!options.asIs) return digitSteps(bitmap);
    if (Math.max(bitmap.width, bitmap.height) > MAX_SQUARE) {
      throw new InputError(
        `${bitmap.width}×${bitmap.height} pixels, want at most ${MAX_SQUARE} a side to take it as it is`,
      );
    }
    const grey = greyImage(bitmap);
    const steps = [{ name: 'Grey', ...grey }];
    return grey.width === grey.height ? steps : [...steps, { name: 'Square', ...square(grey) }];
  } catch (error) {
    throw error instanceof InputError ? new InputError(`${file}: ${error.message}`) : error;
  }
}

/**
 * Decodes PNG, JPEG, BMP, GIF or TIFF, one picture a file, turned as its EXIF data says (by jimp).
 *
 * Throws InputError when it is none of them, damaged, or larger than 25 megapixels; that is found out from
 * the header, before memory is asked for.
 */
export async function readBitmap(file: string): Promise<Bitmap> {
  checkText('file', file);
  const bytes = readBytes(file);
  checkHeader(file, bytes);
  try {
    return (await Jimp.fromBuffer(bytes, JPEG_OPTIONS)).bitmap;
  } catch (error) {
    throw notReadable(file, messageOf(error));
  }
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

function checkHeader(file: string, bytes: Buffer): void {
  let header: ReturnType<typeof readHeader>;
  try {
    header = readHeader(bytes);
  } catch {
    throw notReadable(file, 'it is cut off in its header');
  }
  if (!header) throw notReadable(file, 'it is none of these');
  const { format, width, height, pictures, complete } = header;
  if (width * height > MAX_PIXELS) {
    throw new InputError(
      `${file}: ${width}×${height} pixels, want at most ${MAX_PIXELS / 1e6} million`,
    );
  }
  if (width * height === 0)
    throw notReadable(file, `it is a ${format} of ${width}×${height} pixels`);
  if (pictures > 1) {
    const what = format === 'GIF' ? 'an animation' : 'a document';
    throw new InputError(`${file}: ${what} of ${pictures} pictures, want a file with one`);
  }
  if (!complete) throw notReadable(file, `it is a ${format} that is cut off`);
  if (format === 'PNG') checkInterlaced(file, bytes, width * height);
}

/** jimp's PNG decoder sets its inflation a limit, but not where rows are interlaced. */
function checkInterlaced(file: string, bytes: Buffer, pixels: number): void {
  const IHDR_INTERLACE = 28;
  if (bytes[IHDR_INTERLACE] !== 1) return;
  const data: Buffer[] = [];
  for (let at = 8; at + 12 <= bytes.length; at += 12 + bytes.readUInt32BE(at)) {
    if (bytes.toString('latin1', at + 4, at + 8) !== 'IDAT') continue;
    data.push(bytes.subarray(at + 8, at + 8 + bytes.readUInt32BE(at)));
  }
  try {
    // At most 8 bytes a pixel, and one for each row of the seven passes.
    zlib.inflateSync(Buffer.concat(data), { maxOutputLength: 16 * pixels + 64 });
  } catch (error) {
    throw notReadable(file, messageOf(error));
  }
}

function notReadable(file: string, why: string): InputError {
  return new InputError(
    `${file}: not an image that can be read (PNG, JPEG, BMP, GIF, TIFF): ${why}`,
  );
}

function square(image: GreyImage): GreyImage {
  const { pixels, width, height } = image;
  const size = Math.max(width, height);
  const left = Math.floor((size - width) / 2);
  const top = Math.floor((size - height) / 2);
  const padded = new Uint8Array(size * size);
  for (let y = 0; y < height; y++) {
    padded.set(pixels.subarray(y * width, (y + 1) * width), (top + y) * size + left);
  }
  return { pixels: padded, width: size, height: size };
}
