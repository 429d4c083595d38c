/** Pictures in colour and their conversion to grey. */
import { InputError } from '../errors';
import type { Plane } from './raster';

/** The largest picture we decode. A phone's 24 megapixels take 100 MB. */
export const MAX_PIXELS = 25_000_000;

/** A picture in colour, in the layout of a canvas and of jimp. */
export interface Bitmap {
  /** [height, width, 4]: red, green, blue, alpha. */
  data: ArrayLike<number>;
  width: number;
  height: number;
}

export interface GreyImage {
  /** [height, width], 0 (black) to 255 (white). */
  pixels: Uint8Array;
  height: number;
  width: number;
}

/** Converts to grey over white paper. Throws InputError if `data` is not 4 · width · height long. */
export function greyImage(bitmap: Bitmap): GreyImage {
  return toImage(grey(bitmap));
}

/** ITU-R 601 luma, as in PIL's mode `L`. `paper` shows through where the picture is transparent. */
export function grey({ data, width, height }: Bitmap, paper = 255): Plane {
  if (!(width >= 1 && height >= 1 && data.length === 4 * width * height)) {
    throw new InputError(
      `a picture of ${width}×${height} has ${data.length} bytes, want 4 for each pixel`,
    );
  }
  const values = new Float32Array(width * height);
  for (let i = 0, p = 0; i < values.length; i++, p += 4) {
    const alpha = data[p + 3];
    const rest = paper * (255 - alpha);
    const red = ((data[p] * alpha + rest) / 255 + 0.5) | 0;
    const green = ((data[p + 1] * alpha + rest) / 255 + 0.5) | 0;
    const blue = ((data[p + 2] * alpha + rest) / 255 + 0.5) | 0;
    values[i] = (red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16;
  }
  return { values, width, height };
}

export function toImage({ values, width, height }: Plane): GreyImage {
  const pixels = new Uint8Array(values.length);
  for (let i = 0; i < pixels.length; i++) pixels[i] = values[i] + 0.5;
  return { pixels, width, height };
}
