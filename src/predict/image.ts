/** From an image file to grey pixels as MNIST has them: light strokes on black, square. */
import fs from 'node:fs';
import { Jimp } from 'jimp';
import { InputError, messageOf } from '../errors';

export interface GreyImage {
  /** [height, width], 0 (background) to 255 (stroke). */
  pixels: Uint8Array;
  height: number;
  width: number;
}

/**
 * Reads PNG, JPEG, BMP, GIF (its first picture) or TIFF. Transparency shows white paper; colours become
 * grey by ITU-R 601 luma, as PIL's mode `L`; an image with a light border is inverted, since MNIST is
 * light on dark; one that is not square gets background at both sides.
 */
export async function readGreyImage(file: string): Promise<GreyImage> {
  const { data, width, height } = await decode(file);
  let grey = new Uint8Array(width * height);
  for (let i = 0; i < grey.length; i++) {
    const alpha = data[4 * i + 3];
    const [r, g, b] = [0, 1, 2].map((channel) => overWhite(data[4 * i + channel], alpha));
    grey[i] = (r * 19595 + g * 38470 + b * 7471 + 0x8000) >> 16;
  }
  if (borderMean(grey, width, height) > 127.5) grey = grey.map((value) => 255 - value);
  return square({ pixels: grey, width, height });
}

/** Larger images are refused: made square and resized, one would fill the memory. */
const MAX_SIDE = 4096;

async function decode(file: string): Promise<{ data: Uint8Array; width: number; height: number }> {
  if (!fs.existsSync(file)) throw new InputError(`${file}: no such file`);
  if (!fs.statSync(file).isFile()) throw new InputError(`${file}: not a file`);
  let bitmap: { data: Uint8Array; width: number; height: number };
  try {
    bitmap = (await Jimp.fromBuffer(fs.readFileSync(file))).bitmap;
  } catch (error) {
    throw new InputError(
      `${file}: not an image that can be read (PNG, JPEG, BMP, GIF, TIFF): ${messageOf(error)}`,
    );
  }
  const { width, height } = bitmap;
  if (Math.max(width, height) > MAX_SIDE) {
    throw new InputError(`${file}: ${width}×${height} pixels, want at most ${MAX_SIDE} a side`);
  }
  return bitmap;
}

function overWhite(value: number, alpha: number): number {
  return Math.round((value * alpha + 255 * (255 - alpha)) / 255);
}

function borderMean(grey: Uint8Array, width: number, height: number): number {
  let sum = 0;
  let count = 0;
  for (let y = 0; y < height; y++) {
    const wholeRow = y === 0 || y === height - 1;
    for (let x = 0; x < width; x += wholeRow ? 1 : Math.max(1, width - 1)) {
      sum += grey[y * width + x];
      count++;
    }
  }
  return sum / count;
}

function square(image: GreyImage): GreyImage {
  const { pixels, width, height } = image;
  if (width === height) return image;
  const size = Math.max(width, height);
  const left = Math.floor((size - width) / 2);
  const top = Math.floor((size - height) / 2);
  const padded = new Uint8Array(size * size);
  for (let y = 0; y < height; y++) {
    padded.set(pixels.subarray(y * width, (y + 1) * width), (top + y) * size + left);
  }
  return { pixels: padded, width: size, height: size };
}
