/** From an image file to the network's input. */
import { readBitmap } from '../decode/index';
import { InputError } from '../errors';
import {
  type Bitmap,
  type Digit,
  type DigitStep,
  digitsIn,
  type GreyImage,
  greyImage,
  onlyOne,
} from '../image/index';

export interface DigitOptions {
  /** The picture already looks like MNIST's, light strokes on black: only make it grey and square. */
  asIs?: boolean;
}

/** Longest side with `asIs`: the whole square goes through TensorFlow. */
const MAX_SQUARE = 4096;

/**
 * Reads a picture of a digit and converts it to MNIST's format with `digitSteps`. The last step is what the network
 * gets.
 *
 * Throws InputError if the file is not a readable picture, or does not contain exactly one digit.
 */
export function readDigit(file: string, options: DigitOptions = {}): Promise<DigitStep[]> {
  return read(file, (bitmap) => onlyOne(digitsOf(bitmap, options)).steps);
}

/** The same for all digits in the picture, row by row and from left to right, with their places. */
export function readDigits(file: string, options: DigitOptions = {}): Promise<Digit[]> {
  return read(file, (bitmap) => digitsOf(bitmap, options));
}

function digitsOf(bitmap: Bitmap, { asIs }: DigitOptions): Digit[] {
  if (!asIs) return digitsIn(bitmap);
  const box = { left: 0, top: 0, right: bitmap.width, bottom: bitmap.height };
  return [{ box, steps: squareSteps(bitmap) }];
}

async function read<T>(file: string, convert: (bitmap: Bitmap) => T): Promise<T> {
  const bitmap = await readBitmap(file);
  try {
    return convert(bitmap);
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
