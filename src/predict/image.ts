/** Reads image files. Errors say in one sentence what is wrong with a file. */
import fs from 'node:fs';
import zlib from 'node:zlib';
import { Jimp } from 'jimp';
import { InputError, messageOf } from '../errors';
import {
  type Bitmap,
  type DigitStep,
  digitSteps,
  type GreyImage,
  greyImage,
  MAX_PIXELS,
  readHeader,
} from '../image/index';

export interface DigitOptions {
  /** The picture already looks like MNIST's, light strokes on black: only make it grey and square. */
  asIs?: boolean;
}

/** Longest side with `asIs`: the whole square goes through TensorFlow. */
const MAX_SQUARE = 4096;
const MAX_BYTES = 100_000_000;
/** 25 megapixels without chroma subsampling need a little more than jpeg-js's default of 512 MB. */
const JPEG_OPTIONS = { 'image/jpeg': { maxMemoryUsageInMB: 768 } };

/**
 * Reads a picture of a digit and converts it to MNIST's format with `digitSteps`. The last step is what the network
 * gets.
 *
 * Throws InputError if the file is not a readable picture, or contains no digit.
 */
export async function readDigit(file: string, options: DigitOptions = {}): Promise<DigitStep[]> {
  const bitmap = await readBitmap(file);
  try {
    return options.asIs ? squareSteps(bitmap) : digitSteps(bitmap);
  } catch (error) {
    throw error instanceof InputError ? new InputError(`${file}: ${error.message}`) : error;
  }
}

function squareSteps(bitmap: Bitmap): DigitStep[] {
  const { width, height } = bitmap;
  if (Math.max(width, height) > MAX_SQUARE) {
    throw new InputError(
      `${width}×${height} pixels, want at most ${MAX_SQUARE} on each side to use it as is`,
    );
  }
  const grey = greyImage(bitmap);
  const steps = [{ name: 'Grey', ...grey }];
  return width === height ? steps : [...steps, { name: 'Square', ...square(grey) }];
}

function square({ pixels, width, height }: GreyImage): GreyImage {
  const size = Math.max(width, height);
  const left = Math.floor((size - width) / 2);
  const top = Math.floor((size - height) / 2);
  const padded = new Uint8Array(size * size);
  for (let y = 0; y < height; y++) {
    padded.set(pixels.subarray(y * width, (y + 1) * width), (top + y) * size + left);
  }
  return { pixels: padded, width: size, height: size };
}

/**
 * Decodes a PNG, JPEG, BMP, GIF or TIFF with one picture, and rotates it according to its EXIF data.
 *
 * Throws InputError if the file has another format, is damaged, or is larger than 25 megapixels. The size is read from
 * the header first, so that no memory is allocated for a picture that is too large.
 */
export async function readBitmap(file: string): Promise<Bitmap> {
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
    throw notReadable(file, 'its header is truncated');
  }
  if (!header) throw notReadable(file, 'it has none of these formats');
  const { format, width, height, pictures, complete } = header;
  const size = `${width}×${height} pixels`;
  if (width * height > MAX_PIXELS) {
    throw new InputError(`${file}: ${size}, want at most ${MAX_PIXELS / 1e6} million`);
  }
  if (width * height === 0) throw notReadable(file, `it is a ${format} of ${size}`);
  if (pictures > 1) {
    const what = format === 'GIF' ? 'an animation' : 'a document';
    throw new InputError(`${file}: ${what} of ${pictures} pictures, want a file with one`);
  }
  if (!complete) throw notReadable(file, `it is a truncated ${format}`);
  if (format === 'PNG') checkInterlaced(file, bytes, width * height);
}

/** jimp's PNG decoder limits how much it inflates, except in interlaced files. */
function checkInterlaced(file: string, bytes: Buffer, pixels: number): void {
  const IHDR_INTERLACE = 28;
  if (bytes[IHDR_INTERLACE] !== 1) return;
  const data: Buffer[] = [];
  for (let at = 8; at + 12 <= bytes.length; at += 12 + bytes.readUInt32BE(at)) {
    if (bytes.toString('latin1', at + 4, at + 8) !== 'IDAT') continue;
    data.push(bytes.subarray(at + 8, at + 8 + bytes.readUInt32BE(at)));
  }
  try {
    // At most 8 bytes for each pixel, and one for each row of the seven passes.
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
